"""Where observations are kept between launches: one JSON file in the state directory.

Written as a whole under a lock, so that two launches lose nothing of each other. It chooses what to keep, and
knows nothing of what the figures mean.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from deploy.private_files import make_private_folder
from deploy.small_file import read_small_file, write_whole
from stillroom.errors import EngineError, EnvironmentUnfitError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from deploy.calibration.observation import Observation

FILE_NAME: Final = "calibration.json"
_LOCK_NAME: Final = "calibration.lock"
_LOCK_SECONDS: Final = 10.0
_MOST_FILE_BYTES: Final = 64 * 1024 * 1024
# Of the same component in the same setup: more than a median is taken over, so that a newer version or a bad
# run does not leave nothing.
_MOST_ALIKE: Final = 16
RESET: Final = "stillroom calibration reset --yes"


def read_observations(state_dir: Path) -> tuple[Observation, ...]:
    """All that is kept, oldest first; empty where nothing was ever measured.

    Costs one look at the folder where there is no file: every plan asks.

    Raises:
        EngineError: the file is damaged; the hint is the command that starts it anew.
        EnvironmentUnfitError: it cannot be read.
    """
    path = state_dir / FILE_NAME
    try:
        content = read_small_file(path, most_bytes=_MOST_FILE_BYTES)
    except (FileNotFoundError, NotADirectoryError):  # the latter is told where something is written
        return ()
    except OSError as error:
        raise EnvironmentUnfitError(f"cannot read {path}: {error.strerror}", hint=RESET) from error
    from deploy.calibration.form import parse_observations

    try:
        return parse_observations(content)
    except ValueError as error:
        raise EngineError(f"the calibration file {path} is damaged at {error}", hint=RESET) from error


def add_observations(state_dir: Path, new: tuple[Observation, ...]) -> None:
    """Keep these beside the others; of many alike only the newest.

    Raises:
        EngineError: the file is damaged, or another process does not let go of it.
        EnvironmentUnfitError: it cannot be read or written.
    """
    with _locked(state_dir):
        _write(state_dir, _newest((*read_observations(state_dir), *new)))


def remove_observations(state_dir: Path, *, engine: str | None = None, model: str | None = None) -> int:
    """Forget all, or those of an engine, of a model, or of both; how many there were.

    Without either, a damaged file is removed as well, and counts as none.

    Raises:
        EngineError: the file is damaged and something of it shall be kept, or another process does not let
            go of it.
        EnvironmentUnfitError: it cannot be read or written.
    """
    with _locked(state_dir):
        if engine is None and model is None:
            return _remove_all(state_dir)
        found = read_observations(state_dir)
        kept = tuple(one for one in found if not _is_of(one, engine, model))
        if len(kept) < len(found):
            _write(state_dir, kept)
        return len(found) - len(kept)


def _remove_all(state_dir: Path) -> int:
    try:
        count = len(read_observations(state_dir))
    except EngineError:
        count = 0
    try:
        (state_dir / FILE_NAME).unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(state_dir / FILE_NAME, error) from error
    return count


def _is_of(one: Observation, engine: str | None, model: str | None) -> bool:
    return engine in {None, one.engine} and model in {None, one.model}


def _newest(observations: tuple[Observation, ...]) -> tuple[Observation, ...]:
    """In order of time, without those that as many newer ones of the same make needless."""
    alike: dict[tuple[object, ...], int] = {}
    kept: list[Observation] = []
    for one in sorted(observations, key=lambda one: one.observed_at, reverse=True):
        key = (
            *(one.engine, one.engine_version, one.device, one.layout, one.architecture),
            *(one.component, one.covers, one.weights_bytes, one.kv_cache_type),
        )
        alike[key] = alike.get(key, 0) + 1
        if alike[key] <= _MOST_ALIKE:
            kept.append(one)
    return tuple(reversed(kept))


@contextmanager
def _locked(state_dir: Path) -> Iterator[None]:
    import filelock

    try:
        make_private_folder(state_dir)
        lock = filelock.FileLock(state_dir / _LOCK_NAME, timeout=_LOCK_SECONDS)
        with lock:
            yield
    except filelock.Timeout as error:
        raise EngineError(
            f"another process has held {state_dir / _LOCK_NAME} for {_LOCK_SECONDS:.0f} s",
            hint="try again once it is done",
        ) from error
    except OSError as error:
        raise _unwritable(state_dir, error) from error


def _write(state_dir: Path, observations: tuple[Observation, ...]) -> None:
    """Put the file in place as a whole: a reader sees the old one or the new one."""
    from deploy.calibration.form import form_of

    path = state_dir / FILE_NAME
    text = json.dumps(form_of(observations), ensure_ascii=False, indent=1) + "\n"
    try:
        write_whole(path, text.encode(), owner_only=True)
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> EnvironmentUnfitError:
    return EnvironmentUnfitError(
        f"cannot write {path}: {error.strerror}",
        hint="set STILLROOM_STATE_DIR to a folder that you may write",
    )
