"""A small corpus for each protocol, in the format and the layout in which it is published."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Unpack = Callable[[str], Path]

LA_2019 = {
    "train.trn": ["LA_0079 LA_T_1138215 - - bonafide", "LA_0079 LA_T_1272637 - A01 spoof"],
    "dev.trl": ["LA_0069 LA_D_1047731 - - bonafide", "LA_0070 LA_D_1105538 - A04 spoof"],
    "eval.trl": ["LA_0030 LA_E_5849185 - - bonafide", "LA_0039 LA_E_2834763 - A11 spoof"],
}
LA_2021 = [
    "LA_0009 LA_E_9332881 alaw ita_tx A07 spoof notrim eval",
    "LA_0020 LA_E_7294490 g722 loc_tx bonafide bonafide notrim eval",
    "LA_0021 LA_E_1100001 none sin_tx A10 spoof notrim progress",
    "LA_0022 LA_E_1100002 pstn mad_tx bonafide bonafide trim hidden",
]
DF_2021 = [
    "LA_0023 DF_E_2000011 nocodec asvspoof A14 spoof notrim progress traditional_vocoder - - - -",
    "TEF2 DF_E_2000013 low_m4a vcc2020 Task1-team20 spoof notrim eval"
    " neural_vocoder_nonautoregressive Task1 team20 FF E",
    "LA_0043 DF_E_2000026 mp3m4a asvspoof - bonafide notrim eval bonafide - - - -",
    "LA_0043 DF_E_2000027 low_ogg asvspoof A09 spoof trim hidden unknown - - - -",
]
ASVSPOOF5 = {
    "train": [
        "T_4850 T_0000000000 F - - - AC3 A05 spoof -",
        "T_0840 T_0000000001 M - - - - bonafide bonafide -",
    ],
    "dev.track_1": [
        "D_0062 D_0000000001 F - - - AC1 A11 spoof -",
        "D_0755 D_0000000022 M - - - - bonafide bonafide -",
    ],
    "eval.track_1": [
        "E_1607 E_0009538969 F C07 3 E_0006660231 AC2 A24 spoof -",
        "E_0755 E_0006660231 M - 0 - - bonafide bonafide -",
    ],
}
IN_THE_WILD = [
    "file,speaker,label",
    "0.wav,Alec Guinness,spoof",
    "1.wav,Alec Guinness,spoof",
    "4.wav,Christopher Hitchens,bona-fide",
]


def write(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def touch(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()


def flac(folder: Path, lines: list[str]) -> None:
    touch(folder, *(f"{line.split()[1]}.flac" for line in lines))


def asvspoof2019_la(root: Path) -> None:
    for name, lines in LA_2019.items():
        write(root / "LA/ASVspoof2019_LA_cm_protocols" / f"ASVspoof2019.LA.cm.{name}.txt", lines)
        flac(root / f"LA/ASVspoof2019_LA_{name.partition('.')[0]}/flac", lines)
    asv = "LA/ASVspoof2019_LA_asv_protocols/ASVspoof2019.LA.asv.dev.gi.trl.txt"
    write(root / asv, ["LA_0069 LA_D_1047731 bonafide target"])


def asvspoof2021_la(root: Path) -> None:
    write(root / "keys/LA/CM/trial_metadata.txt", LA_2021)
    asv = "LA_0007-alaw-ita_tx LA_E_5013670-alaw-ita_tx alaw ita_tx bonafide nontarget notrim eval"
    write(root / "keys/LA/ASV/trial_metadata.txt", [asv])
    flac(root / "ASVspoof2021_LA_eval/flac", LA_2021)
    write(root / "ASVspoof2021_LA_eval/ASVspoof2021.LA.cm.eval.trl.txt", ["LA_E_9332881"])


def asvspoof2021_df(root: Path) -> None:
    write(root / "DF-keys-full/keys/DF/CM/trial_metadata.txt", DF_2021)
    write(root / "LA-keys-full/keys/LA/CM/trial_metadata.txt", LA_2021)
    for part, line in enumerate(DF_2021):
        flac(root / f"ASVspoof2021_DF_eval_part0{part}/ASVspoof2021_DF_eval/flac", [line])


def asvspoof5(root: Path) -> None:
    folders = {"train": "flac_T", "dev.track_1": "flac_D", "eval.track_1": "flac_E_eval"}
    for name, lines in ASVSPOOF5.items():
        write(root / f"ASVspoof5_protocols/ASVspoof5.{name}.tsv", lines)
        flac(root / folders[name], lines)
    enrol = "ASVspoof5_protocols/ASVspoof5.dev.track_2.enroll.tsv"
    write(root / enrol, ["D_0062 D_A000000001,D_A000000002"])


def in_the_wild(root: Path) -> None:
    write(root / "release_in_the_wild/meta.csv", IN_THE_WILD)
    touch(root / "release_in_the_wild", *(line.split(",")[0] for line in IN_THE_WILD[1:]))


def wavefake(root: Path) -> None:
    english = [f"LJ001-00{n:02}" for n in range(1, 9)]
    japanese = [f"BASIC5000_00{n:02}" for n in range(1, 9)]
    generated = root / "generated_audio"
    touch(generated / "ljspeech_melgan", *(f"{stem}_gen.wav" for stem in english))
    touch(generated / "ljspeech_hifiGAN", *(f"{stem}_generated.wav" for stem in english))
    touch(generated / "ljspeech_waveglow", *(f"{stem}.wav" for stem in english))
    touch(generated / "jsut_parallel_wavegan", *(f"{stem}_gen.wav" for stem in japanese))
    prompts = "common_voices_prompts_from_conformer_fastspeech2_pwg_ljspeech"
    touch(generated / prompts, "gen_0.wav", "gen_1.wav")
    touch(root / "LJSpeech-1.1/wavs", *(f"{stem}.wav" for stem in english))
    touch(root / "jsut_ver1.1/basic5000/wav", *(f"{stem}.wav" for stem in japanese))
    touch(root / "jsut_ver1.1/travel1000/wav", "TRAVEL1000_0001.wav")


def fake_or_real(root: Path) -> None:
    chain = "wav_16k.wav_norm.wav_mono.wav_silence.wav"
    for partition in ("training", "validation", "testing"):
        folder = root / "for-norm/for-norm" / partition
        touch(folder / "real", f"file1000.{chain}")
        touch(folder / "fake", f"file1000.mp3.{chain}", f"file1000.{chain}")


def folders(root: Path) -> None:
    for speaker in ("anna", "ben", "cho", "dan", "eva", "fay"):
        touch(root / "bonafide" / speaker, "1.wav", "2.WAV")
        touch(root / "spoof/melgan" / speaker, "1.wav")
    touch(root / "spoof", "of-no-known-attack.mp3", "notes.txt", "._of-no-known-attack.mp3")


def antiphon(root: Path) -> None:
    header = "utterance_id,path,partition,label,attack_id,speaker_id,language,source,channel,"
    rows = [header + "release,parent,text"]
    for partition in ("train", "dev", "eval"):
        human, copy = f"bonafide/{partition}.flac", f"spoof/world/{partition}.flac"
        rows.append(f'h-{partition},{human},{partition},bonafide,,anna,en,site,g722,0,,"Well, no."')
        rows.append(f"c-{partition},{copy},{partition},spoof,world,anna,en,site,g722,1,{human},")
        touch((root / human).parent, Path(human).name)
        touch((root / copy).parent, Path(copy).name)
    write(root / "protocol.csv", rows)


EXAMPLES: dict[str, Callable[[Path], None]] = {
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


@pytest.fixture
def unpack(tmp_path: Path) -> Unpack:
    """Unpacks the small corpus of a protocol into a folder, and names the folder."""

    def into_a_folder(name: str) -> Path:
        root = tmp_path / name
        root.mkdir()
        EXAMPLES[name](root)
        return root

    return into_a_folder
