"""The job worker under virtual time: a process, a worker in this process, or a hand that only says that it worked."""
