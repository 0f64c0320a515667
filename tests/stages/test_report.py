import csv
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pipeline.report.differences import READING
from pipeline.report.typeset import number
from pipeline.runtime.errors import ConfigError, InputError
from stages.report import main
from tests.evaluation.synthetic import labelled_trials, write_project

VOID = {"meta", "link", "br", "line", "use", "path", "rect", "input"}


class Page(HTMLParser):
    """Collects ids, links and texts, and refuses tags that do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str | None] = []
        self.links: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.open += [] if tag in VOID else [tag]
        self.ids += [value for name, value in attrs if name == "id"]
        self.links += [value or "" for name, value in attrs if name in {"href", "src", "xlink:href"}]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project") / "root"
    write_project(root)
    return root


@pytest.fixture(scope="module")
def reports(project: Path) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        main()
    return project / "reports"


@pytest.fixture(scope="module")
def page(reports: Path) -> Page:
    return Page((reports / "index.html").read_text())


def prose(page: Page) -> str:
    return re.sub(r"\s+", " ", " ".join(page.text))


def test_all_six_files_are_written(reports: Path) -> None:
    names = ["ccc.csv", "ccc.json", "ccc.md", "ccc.tex", "differences.csv", "index.html"]
    assert sorted(path.name for path in reports.iterdir()) == names


def test_the_page_stands_alone_and_is_modest(reports: Path, page: Page) -> None:
    text = (reports / "index.html").read_text()
    assert len(text.encode()) < 8_000_000
    assert all(link.startswith(("#", "data:")) for link in page.links)
    assert "<script src" not in text
    without_scripts = re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    assert len(without_scripts) < 2_000_000
    assert not re.search(r"@import|url\((?!#)|https?://(?!www\.w3\.org/)", without_scripts)


def test_every_trial_of_every_fold_can_be_chosen(reports: Path, page: Page) -> None:
    trials = sorted(labelled_trials())
    groups = [attributes["label"] for tag, attributes in page.tags if tag == "optgroup"]
    assert groups == ["Fold 0", "Fold 1", "Fold 2", "Fold 3", "Test, without labels"]
    assert sum(tag == "option" for tag, _ in page.tags) == len(trials)
    found = re.search(r'id="explorer-data">(.*?)</script>', (reports / "index.html").read_text())
    assert found
    data = json.loads(found[1])
    assert sorted(data["trials"]) == trials
    assert data["models"] == ["visual", "audio", "grjca"]


def test_without_room_the_page_has_no_explorer(copy: Path) -> None:
    params = copy / "params.yaml"
    params.write_text(params.read_text().replace("traces: 3", "traces: 3, explorer: 0"))
    main()
    text = (copy / "reports" / "index.html").read_text()
    assert "explorer-data" not in text
    assert "#explore" not in text
    assert len(text) < 2_000_000


def test_a_missing_clip_is_named(copy: Path) -> None:
    (copy / "data" / "clips" / "trial03.h5").unlink()
    with pytest.raises(InputError, match=r"trial03.*dvc repro clips"):
        main()


def test_headings_and_cells_of_the_table_can_be_sorted(reports: Path, page: Page) -> None:
    values = [
        float(attributes["data-value"] or "")
        for tag, attributes in page.tags
        if tag == "td" and "data-value" in attributes
    ]
    lines = json.loads((reports / "ccc.json").read_text())["lines"]
    assert values == pytest.approx([one["mean"] for one in lines], abs=1e-6)


def test_ids_are_unique_and_links_lead_somewhere(page: Page) -> None:
    assert len(page.ids) == len(set(page.ids)) > 100
    inner = [link[1:] for link in page.links if link.startswith("#")]
    assert len(inner) >= 6
    assert set(inner) <= set(page.ids)


def test_tables_and_figures_are_accessible(page: Page) -> None:
    headers = [attributes for tag, attributes in page.tags if tag == "th"]
    assert headers
    assert all(one.get("scope") in {"col", "row", "colgroup"} for one in headers)
    pictures = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert len(pictures) > 10
    assert all(one.get("aria-label") or one.get("aria-hidden") == "true" for one in pictures)
    scrolling = [attributes for _, attributes in page.tags if attributes.get("class") == "scroll"]
    assert scrolling
    assert all(one.get("tabindex") == "0" and one.get("aria-label") for one in scrolling)


def test_the_verdict_names_the_best_model_and_the_random_weights(page: Page) -> None:
    text = prose(page)
    assert "The model grjca has the highest mean validation P" in text
    assert "not comparable with the published ones: all backbones run with random weights" in text
    assert "A <synthetic> project" in text


def test_the_page_shows_the_numbers_of_the_evaluation(project: Path, page: Page) -> None:
    text = prose(page)
    for model in ("visual", "audio", "grjca"):
        metrics = json.loads((project / "metrics" / "evaluate" / f"{model}.json").read_text())
        assert f"{metrics['P']:.3f}" in text
        for fold in metrics["folds"].values():
            assert f"{fold['arousal']['ccc']:.3f}".replace("-", "−") in text
    assert "0.623" in text
    assert "0.642" in text or "0.641" in text


def test_repairs_segments_and_provenance_are_shown(page: Page) -> None:
    text = prose(page)
    assert re.search(r"test01 +395 +398 +3 +0", text)
    assert re.search(r"test02 +440 +435 +0 +5", text)
    assert "audio useless" in text
    assert "visual useless" in text
    assert "random, seed 7" in text
    assert re.search(r"frames without a face image masked +5 +35", text)
    assert "all useful" in text
    for library in ("torch", "zarr", "matplotlib"):
        assert library in text
    assert "iterations: 2" in text
    assert "engine: processes" not in text


def test_the_table_has_a_line_per_model_and_figure(reports: Path) -> None:
    lines = json.loads((reports / "ccc.json").read_text())["lines"]
    assert [(one["model"], one["figure"]) for one in lines] == [
        (model, figure) for model in ("visual", "audio", "grjca") for figure in ("valence", "arousal", "P")
    ]
    # The corpus has a validation partition: numbers of the official split stand beside fold 0.
    assert {one["published"] for one in lines} == {None}
    published = {(one["model"], one["figure"]): one["published_folds"] for one in lines}
    assert published["grjca", "valence"] == {"0": 0.623}
    assert published["grjca", "P"] == {"0": pytest.approx(0.6415)}
    assert published["audio", "P"] == {}


def test_a_published_number_stands_beside_fold_0_and_says_so(reports: Path, page: Page) -> None:
    lines = json.loads((reports / "ccc.json").read_text())["lines"]
    ours = next(one["folds"]["0"] for one in lines if (one["model"], one["figure"]) == ("grjca", "valence"))
    text = prose(page)
    assert f"fold 0: {number(ours)}, published 0.623" in text
    assert f"{number(ours)} publ. 0.623" in text
    assert "Fold 0 official split" in text.replace("\u00a0", " ")
    assert "on the official validation set of Aff-Wild2; beside fold 0, which validates on this corpus’ own" in text
    assert "it compares with the ringed dot, fold 0" in text
    assert f"{number(ours)} (0.623)" in (reports / "ccc.md").read_text()


def test_with_one_seed_the_report_says_that_the_spread_is_unknown(reports: Path, page: Page) -> None:
    said = "Each fold was trained once: how far another seed would move these figures is unknown."
    assert said in prose(page)
    assert said in json.loads((reports / "ccc.json").read_text())["notes"][0]
    assert "seeds ±" not in prose(page)
    assert "over repeats" not in prose(page)


def test_repeats_are_shown_with_their_spread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_project(tmp_path / "root", repeats=3)
    monkeypatch.chdir(tmp_path / "root")
    main()
    page = Page(Path("reports/index.html").read_text())
    text = prose(page)
    assert "Each fold was trained with 3 seeds; a fold's figure is the mean over these repeats." in text
    assert "a bootstrap over trials and repeats" in text
    assert "One thin line per fold and repeat." in text
    assert "each fold says the mean of its repeats" in text
    lines = json.loads(Path("reports/ccc.json").read_text())["lines"]
    assert len(lines) == 9
    for line in lines:
        metrics = json.loads(Path(f"metrics/evaluate/{line['model']}.json").read_text())
        figures = metrics if line["figure"] == "P" else metrics[line["figure"]]
        name = "P" if line["figure"] == "P" else "ccc"
        assert line["repeats"] == metrics["repeats"] == 3
        assert line["mean"] == pytest.approx(figures[name], abs=2e-6)
        assert line["sd"] == pytest.approx(figures[f"{name}_sd"], abs=2e-6)
        assert line["sd_repeats"] == pytest.approx(figures[f"{name}_sd_repeats"], abs=2e-6)
        assert line["sd_repeats"] > 0
        assert f"seeds ± {number(line['sd_repeats'])}" in text.replace("\u00a0", " ")
    assert len(re.findall("fold 3 repeat 2 best P", Path("reports/index.html").read_text())) == 3


def test_every_pair_of_models_is_compared_in_every_file(reports: Path, page: Page) -> None:
    entries = json.loads((reports / "ccc.json").read_text())["differences"]
    rows = list(csv.DictReader((reports / "differences.csv").read_text().splitlines()))
    assert len(entries) == len(rows) == 9
    html = (reports / "index.html").read_text()
    assert {entry["excludes_zero"] for entry in entries} == {True, False}
    text, markdown, latex = prose(page), (reports / "ccc.md").read_text(), (reports / "ccc.tex").read_text()
    for entry, row in zip(entries, rows, strict=True):
        assert (row["first"], row["second"], row["figure"]) == (entry["first"], entry["second"], entry["figure"])
        assert float(row["difference"]) == entry["difference"]
        low, high = entry["interval_95"]
        shown = f"{number(entry['difference'])} [{number(low)}, {number(high)}]"
        assert shown in text
        assert shown in markdown
        assert shown in latex.replace("$-$", "−")
        for written in (f"<strong>{shown}</strong>" in html, f"**{shown}**" in markdown):
            assert written == entry["excludes_zero"]
    assert READING in text
    assert READING in markdown


def test_two_runs_give_the_same_bytes(project: Path, reports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path.name: path.read_bytes() for path in reports.iterdir()}
    monkeypatch.chdir(project)
    main()
    assert {path.name: path.read_bytes() for path in reports.iterdir()} == before


def test_the_place_of_the_project_does_not_show(
    project: Path, reports: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(project, moved)
    monkeypatch.chdir(moved)
    main()
    for path in reports.iterdir():
        assert (moved / "reports" / path.name).read_bytes() == path.read_bytes()


@pytest.fixture
def copy(project: Path, reports: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "copy"
    shutil.copytree(project, root)
    monkeypatch.chdir(root)
    return root


def test_other_files_of_the_folder_stay(copy: Path) -> None:
    (copy / "reports" / ".gitignore").write_text("/index.html\n")
    main()
    assert (copy / "reports" / ".gitignore").read_text() == "/index.html\n"


def test_models_without_evaluation_are_all_named(copy: Path) -> None:
    shutil.rmtree(copy / "predictions" / "audio")
    (copy / "metrics" / "evaluate" / "grjca.json").unlink()
    with pytest.raises(InputError) as caught:
        main()
    text = str(caught.value)
    assert "predictions/audio/frames.h5 is missing -> run `dvc repro evaluate@audio`" in text
    assert "metrics/evaluate/grjca.json is missing -> run `dvc repro evaluate@grjca`" in text
    assert len(caught.value.problems) == 3


def test_an_unknown_published_row_is_an_error(copy: Path) -> None:
    params = copy / "params.yaml"
    params.write_text(params.read_text().replace("method: GRJCA, modality: visual", "method: GRJCA, modality: audio"))
    with pytest.raises(ConfigError, match="there is no row"):
        main()


def test_a_corpus_without_segments_or_sample_has_a_shorter_page(copy: Path) -> None:
    (copy / "corpus" / "useless_segments.csv").unlink()
    params = copy / "params.yaml"
    params.write_text(params.read_text().replace(", sample: data/sample/vids.txt", ""))
    main()
    page = Page((copy / "reports" / "index.html").read_text())
    assert "conditions" not in page.ids
    assert "corpus.sample names no sample submission" in prose(page)
