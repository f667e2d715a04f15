"""`antiphon metrics` and `antiphon compare` on real score files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from flows.commands import scores
from models.errors import InputError
from models.evaluation.scores import read_scores, write_scores

app = typer.Typer()
app.command()(scores.metrics)
app.command()(scores.compare)
runner = CliRunner()

RAWGAT, LFCC = (
    "asvspoof2019-la.rawgat-st-mul.txt.gz",
    "asvspoof2019-la.lfcc-resnet18-softmax.txt.gz",
)
XLSR_MAMBA = "in-the-wild.xlsr-mamba.txt.gz"


@pytest.fixture
def folder(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Real score files, from a working folder whose params.yaml asks for a quick bootstrap."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text("promotion:\n  resamples: 100\n")
    return shared / "scores"


def test_metrics_prints_one_object_and_nothing_else(folder: Path) -> None:
    asv = folder / "asvspoof2019-la.asv-scores.txt.gz"
    result = runner.invoke(
        app, ["metrics", "--scores", str(folder / RAWGAT), "--asv-scores", str(asv), "--json"]
    )
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert f"{100 * document['pooled']['eer']:.6f}" == "1.060135"
    assert f"{document['pooled']['min_tdcf']:.7f}" == "0.0335389"
    assert document["trials"] == {"bonafide": 7355, "spoof": 63882}


# EER %, min t-DCF 2019, min DCF, act DCF and Cllr, to the digits in which they are published
PUBLISHED = {
    RAWGAT: ("1.060135", "0.0335389", "0.0298931", "0.0443954", "0.0662520"),
    LFCC: ("5.057773", "0.1208368", "0.1143490", "1.0000000", "0.7921915"),
    XLSR_MAMBA: ("6.709324", None, "0.1728549", "1.0476155", "1.0210170"),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_metrics_gives_the_published_figures_to_the_printed_digit(folder: Path, name: str) -> None:
    arguments = ["metrics", "--scores", str(folder / name), "--json"]
    if name == XLSR_MAMBA:
        arguments += ["--keys", str(folder / "in-the-wild.key.txt.gz")]
    else:
        arguments += ["--asv-scores", str(folder / "asvspoof2019-la.asv-scores.txt.gz")]
    result = runner.invoke(app, arguments)
    assert result.exit_code == 0
    pooled = json.loads(result.stdout)["pooled"]
    percent, tdcf, *others = PUBLISHED[name]
    assert f"{100 * pooled['eer']:.6f}" == percent
    assert tdcf == (pooled["min_tdcf"] and f"{pooled['min_tdcf']:.7f}")
    for measure, figure in zip(("min_dcf", "act_dcf", "cllr"), others, strict=True):
        assert f"{pooled[measure]:.7f}" == figure


def test_metrics_prints_percent_for_a_person(folder: Path) -> None:
    scored, keys = folder / "in-the-wild.xlsr-mamba.txt.gz", folder / "in-the-wild.key.txt.gz"
    result = runner.invoke(app, ["metrics", "--scores", str(scored), "--keys", str(keys)])
    assert result.exit_code == 0
    assert "6.71" in result.stdout
    assert "19,963 bona fide trials, 11,816 spoofs" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 100


def test_the_better_file_is_promoted_and_the_worse_rejected(folder: Path) -> None:
    keys = str(folder / "asvspoof2019-la.protocol.txt.gz")
    rawgat, lfcc = str(folder / RAWGAT), str(folder / LFCC)
    for champion, candidate, verdict, status in (
        (lfcc, rawgat, "promote", 0),
        (rawgat, lfcc, "reject", 1),
    ):
        arguments = ["compare", "--champion", champion, "--candidate", candidate, "--keys", keys]
        result = runner.invoke(app, [*arguments, "--json"])
        assert result.exit_code == status
        document = json.loads(result.stdout)
        assert document["verdict"] == verdict
        figures = [document[key] for key in ("eer_champion", "eer_candidate")]
        expected = ["5.057773", "1.060135"] if champion == lfcc else ["1.060135", "5.057773"]
        assert [f"{100 * figure:.6f}" for figure in figures] == expected
        low, high = document["interval"]
        assert low < document["difference"] < high
        assert high < -0.03 if verdict == "promote" else low > 0.03
        vetoing = {name for name, attack in document["by_attack"].items() if attack["veto"]}
        assert vetoing == (set() if verdict == "promote" else {"A14", "A15", "A17"})


def test_lists_that_cannot_be_compared_are_refused_in_one_sentence(folder: Path) -> None:
    keys = folder / "in-the-wild.key.txt.gz"
    other = read_scores(folder / XLSR_MAMBA, keys)
    written = Path("other.csv")
    write_scores(written, other)
    with pytest.raises(
        InputError, match=r"^frozen: champion and candidate must be scored on"
    ) as no:
        runner.invoke(
            app,
            ["compare", "--champion", str(folder / RAWGAT), "--candidate", str(written)],
            catch_exceptions=False,
        )
    assert "\n" not in str(no.value)


def test_a_person_reads_the_reason_in_one_line(folder: Path) -> None:
    result = runner.invoke(
        app, ["compare", "--champion", str(folder / RAWGAT), "--candidate", str(folder / LFCC)]
    )
    assert result.exit_code == 1
    assert result.stdout.startswith("reject: the EER does not fall beyond chance: from 1.06 % to")
    assert "veto" in result.stdout
    assert "not checked: sentinel, adversarial, bonafide, calibration" in result.stdout


def test_params_decide_and_warnings_keep_off_standard_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"b{i} - bonafide -{i}\ns{i} A1 spoof {i}\n" for i in range(1, 20))
    (tmp_path / "scores.txt").write_text(rows)
    (tmp_path / "params.yaml").write_text("evaluation:\n  p_spoof: 0.5\n")
    result = runner.invoke(app, ["metrics", "--scores", "scores.txt", "--json"])
    document = json.loads(result.stdout)
    assert document["pooled"]["eer"] == 1
    assert "wrong way round" in document["warnings"][0]
    assert result.stderr.startswith("warning: the scores run the wrong way round")
    (tmp_path / "other.yaml").write_text("evaluation:\n  p_spof: 0.5\n")
    with pytest.raises(InputError, match="p_spof"):
        runner.invoke(
            app,
            ["metrics", "--scores", "scores.txt", "--params", "other.yaml"],
            catch_exceptions=False,
        )


def test_names_of_attacks_are_printed_as_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"b{i} - bonafide {i}\ns{i} [bold]x[/y] spoof -{i}\n" for i in range(1, 20))
    (tmp_path / "scores.txt").write_text(rows)
    for command in (
        ["metrics", "--scores", "scores.txt"],
        ["compare", "--champion", "scores.txt", "--candidate", "scores.txt"],
    ):
        result = runner.invoke(app, command)
        assert "[bold]x[/y]" in result.stdout
