"""Corpora as trials: a table of readers, each from the folder a person unpacked.

A reader only finds and parses; `models.data.protocols.reading.read_protocol` checks what it yields.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

from models.data.protocols.antiphon import antiphon
from models.data.protocols.asvspoof5 import asvspoof5
from models.data.protocols.asvspoof2019_la import asvspoof2019_la
from models.data.protocols.asvspoof2021_df import asvspoof2021_df
from models.data.protocols.asvspoof2021_la import asvspoof2021_la
from models.data.protocols.fake_or_real import fake_or_real
from models.data.protocols.folders import folders
from models.data.protocols.in_the_wild import in_the_wild
from models.data.protocols.wavefake import wavefake
from models.trials import Trial

PROTOCOLS: dict[str, Callable[[Path], Iterable[Trial]]] = {
    "antiphon": antiphon,
    "asvspoof2019-la": asvspoof2019_la,
    "asvspoof2021-df": asvspoof2021_df,
    "asvspoof2021-la": asvspoof2021_la,
    "asvspoof5": asvspoof5,
    "fake-or-real": fake_or_real,
    "folders": folders,
    "in-the-wild": in_the_wild,
    "wavefake": wavefake,
}
