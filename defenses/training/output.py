"""Where an adapter goes: all of its files, or none."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.errors import ConfigError


@contextmanager
def complete(output: Path) -> Iterator[Path]:
    """A folder beside `output`, whose files become those of `output` once the block has ended well.

    Raises `ConfigError`, before anything is computed, where nothing can be written.
    """
    try:
        output.mkdir(parents=True, exist_ok=True)
        making = tempfile.TemporaryDirectory(prefix=".making-", dir=output)
    except OSError as error:
        raise ConfigError(f"{output}: {error.strerror}; name a folder with --output") from error
    with making as made:
        yield Path(made)
        for file in sorted(Path(made).iterdir()):
            file.chmod(0o644)  # safetensors writes for its owner alone
            os.replace(file, output / file.name)
