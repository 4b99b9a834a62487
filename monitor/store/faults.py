"""The three ways in which a store can fail, told apart because each is met differently."""


class StoreUnavailable(Exception):
    """The store cannot be reached or cannot write now: nothing moves until it can."""


class StoreUnfit(StoreUnavailable):
    """The store answers, but its tables are not what is needed: a person must act."""


class BatchRefused(Exception):
    """The store refused what a batch holds: some message of it can never be written."""
