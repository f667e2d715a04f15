"""What params.yaml can name exists, under the name that it has there."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import pytest

from models import tables

ENTRIES = {
    f"{table}: {name}": place
    for table, places in vars(tables).items()
    if table.isupper() and isinstance(places, dict)
    for name, place in places.items()
}


@pytest.mark.parametrize("entry", ENTRIES)
def test_what_a_table_names_is_there(entry: str) -> None:
    assert pkgutil.resolve_name(ENTRIES[entry]) is not None


def test_a_channel_is_an_effect_or_a_codec_and_no_draw_of_one() -> None:
    assert set(tables.CHANNELS) <= {*tables.AUGMENTATIONS, *tables.CODECS} - {"codec", "channel"}


def test_params_are_read_without_torch_and_without_what_they_name() -> None:
    source = (
        "import sys\n"
        "from models.params.tree import params_from_mapping\n"
        "params_from_mapping({'augmentation': {'gain': 1.0}, 'training': {'loss': 'focal'}})\n"
        "print(*({'torch', 'av', 'models.augmentations', 'models.training'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr
