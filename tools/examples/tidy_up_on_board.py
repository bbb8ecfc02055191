"""Tidy up on board: make a directory, move a file into it, look, and delete it, which is armed first."""


def run(sc, name: str = "notes.txt"):
    with sc.step("Move it"):
        if not any(entry["name"] == "old" for entry in sc.files.list()):
            sc.directory.make(name="old")
        sc.file.move(name=name, destination=f"old/{name}")
        listed = [entry["name"] for entry in sc.files.list("old")]
        sc.check(any(each.endswith(name) for each in listed), f"it lies in old/: {', '.join(listed)}")
    with sc.step("Delete it"):
        sc.arm("file.delete")
        sc.file.delete(name=f"old/{name}")
