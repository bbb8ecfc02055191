"""What all rooms' tests share: Hypothesis without a deadline, since these machines are shared and slow at times."""

from hypothesis import settings

settings.register_profile("starloop", deadline=None)
settings.load_profile("starloop")
