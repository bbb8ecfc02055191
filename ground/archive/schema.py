"""The tables of an archive, and what brings an archive of each version before to this one. It opens nothing.

What is looked at one by one (commands, stages, events, frames) has a row each. Reports, which are far more, come
to rest in blocks: ``packets`` is only their tail, where those of the last minutes wait. In a block are the reports of
one name (a series) in one span of on-board time (a chunk), which came together (a part). Beside it stands, for each
number in those reports (a field), a column of its values, and what they come to in rollups of three levels. So a plot
reads only the numbers it shows, and a plot of a year only the rollups. See `ground.archive.blocks`.
"""

from ground.archive import transfer_log

SCHEMA_VERSION = 5

_FIRST = """
CREATE TABLE identity (
    id INTEGER PRIMARY KEY CHECK (id = 1), source_id INTEGER NOT NULL, next_sequence_count INTEGER NOT NULL,
    next_command_id INTEGER NOT NULL, seal TEXT NOT NULL
);
CREATE TABLE frames (
    id INTEGER PRIMARY KEY, unix_ns INTEGER NOT NULL, virtual_channel INTEGER NOT NULL, corrected INTEGER NOT NULL,
    octets BLOB NOT NULL
);
CREATE TABLE packets (
    id INTEGER PRIMARY KEY, unix_ns INTEGER NOT NULL, tai_ns INTEGER NOT NULL, virtual_channel INTEGER NOT NULL,
    service INTEGER NOT NULL, subtype INTEGER NOT NULL, name TEXT NOT NULL, content TEXT NOT NULL
);
CREATE INDEX packets_by_name ON packets (name, tai_ns);
CREATE TABLE events (
    id INTEGER PRIMARY KEY, unix_ns INTEGER NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL, content TEXT NOT NULL
);
CREATE TABLE commands (
    id INTEGER PRIMARY KEY, unix_ns INTEGER NOT NULL, name TEXT NOT NULL, arguments TEXT NOT NULL,
    service TEXT NOT NULL, source_id INTEGER NOT NULL, sequence_count INTEGER NOT NULL, octets BLOB NOT NULL,
    stage INTEGER NOT NULL, attempt INTEGER NOT NULL, text TEXT NOT NULL
);
CREATE TABLE stages (
    id INTEGER PRIMARY KEY, command_id INTEGER NOT NULL, unix_ns INTEGER NOT NULL, stage INTEGER NOT NULL,
    attempt INTEGER NOT NULL, text TEXT NOT NULL
);
CREATE INDEX stages_by_command ON stages (command_id, id);
"""

_STORES = """
ALTER TABLE packets ADD COLUMN identity BLOB NOT NULL DEFAULT x'';
ALTER TABLE packets ADD COLUMN store INTEGER;
ALTER TABLE packets ADD COLUMN sequence INTEGER;
CREATE INDEX packets_by_identity ON packets (identity);
CREATE TABLE stores (store INTEGER PRIMARY KEY, noted TEXT NOT NULL);
"""

_TIME = "ALTER TABLE packets ADD COLUMN generated_unix_ns INTEGER;"

# Where a packet is stored on board goes by its time first, so that what is played back in order is inserted in order.
# `numbers` is what of a report goes into columns. Rollups hold 64-bit floats: what their plots show needs no more.
_BLOCKS = """
CREATE TABLE places (
    tai_ns INTEGER NOT NULL, identity BLOB NOT NULL, store INTEGER NOT NULL, sequence INTEGER NOT NULL,
    PRIMARY KEY (tai_ns, identity, store, sequence)
) WITHOUT ROWID;
INSERT OR IGNORE INTO places SELECT tai_ns, identity, store, sequence FROM packets WHERE store IS NOT NULL;
DROP INDEX packets_by_identity;
ALTER TABLE packets DROP COLUMN store;
ALTER TABLE packets DROP COLUMN sequence;
ALTER TABLE packets ADD COLUMN octets BLOB NOT NULL DEFAULT x'';
ALTER TABLE packets ADD COLUMN numbers BLOB NOT NULL DEFAULT x'80';
CREATE TABLE series (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE fields (
    id INTEGER PRIMARY KEY, series INTEGER NOT NULL, name TEXT NOT NULL, UNIQUE (name, series)
);
CREATE TABLE blocks (
    id INTEGER PRIMARY KEY, series INTEGER NOT NULL, chunk INTEGER NOT NULL, part INTEGER NOT NULL,
    count INTEGER NOT NULL, first_ns INTEGER NOT NULL, last_ns INTEGER NOT NULL, times BLOB NOT NULL,
    reports BLOB NOT NULL, UNIQUE (series, chunk, part)
);
CREATE INDEX blocks_by_chunk ON blocks (chunk);
CREATE TABLE columns (
    field INTEGER NOT NULL, chunk INTEGER NOT NULL, part INTEGER NOT NULL, numbers BLOB NOT NULL,
    PRIMARY KEY (field, chunk, part)
) WITHOUT ROWID;
CREATE TABLE rollups (
    field INTEGER NOT NULL, level INTEGER NOT NULL, bucket INTEGER NOT NULL, count INTEGER NOT NULL,
    minimum REAL NOT NULL, maximum REAL NOT NULL, total REAL NOT NULL, PRIMARY KEY (field, level, bucket)
) WITHOUT ROWID;
CREATE TABLE alarms (parameter TEXT PRIMARY KEY, unix_ns INTEGER NOT NULL, told TEXT NOT NULL);
CREATE INDEX frames_by_time ON frames (unix_ns);
CREATE INDEX events_by_time ON events (unix_ns);
CREATE INDEX commands_by_time ON commands (unix_ns);
"""

STEPS = {0: _FIRST, 1: transfer_log.SCHEMA, 2: _STORES, 3: _TIME, 4: _BLOCKS}
"""What brings an archive from each version to the next; version 0 is an empty file."""
