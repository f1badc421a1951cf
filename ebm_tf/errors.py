"""Ends that are no bugs: mistakes of the user, and runs that stop early."""


class UserError(Exception):
    """A mistake that the user can put right: one line on stderr, exit code 2."""


class ConfigError(UserError):
    """A configuration that cannot be run."""


class DataError(UserError):
    """A dataset that is unknown, not prepared or damaged."""


class WeightsError(UserError):
    """A weight file that is missing, damaged or made for another network."""


class UnnamedWeightsError(WeightsError):
    """A network that needs weights and was given none."""


class RunError(UserError):
    """A run folder that cannot be written, read or continued."""


class DeviceError(UserError):
    """A device that this machine does not have."""


class EarlyStopError(Exception):
    """A run that ended before its time and can be resumed; exit code 3."""


class DivergenceError(EarlyStopError):
    """Learning that diverged once more after it went back as often as it may."""
