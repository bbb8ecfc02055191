"""What all rooms' tests share.

Hypothesis has no deadline, since these machines are shared and slow at times. And interrupts are heard, also where a
shell started the tests in the background and had them ignored: what tests start would ignore them too.
"""

import signal

from hypothesis import settings

signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("starloop", deadline=None)
settings.load_profile("starloop")
