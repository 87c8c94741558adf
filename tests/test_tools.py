"""The tools: notebooks executed without noise and kept in step, the site served, the set-up's sentences."""

import importlib.util
import socket
import subprocess
import sys
import threading
import urllib.request

import nbformat
import pytest
from the_book import BOOK, ROOT, notebooks


def load(name):
    spec = importlib.util.spec_from_file_location(f"tools_{name}", ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


execute, sync, serve, set_up, results = (load(name) for name in ("execute", "sync", "serve", "set_up", "results"))


def notebook(*sources, tags=()):
    made = nbformat.v4.new_notebook()
    made.cells = [
        nbformat.v4.new_code_cell(s, id=f"c{i}", metadata={"tags": list(tags)}) for i, s in enumerate(sources)
    ]
    return made


@pytest.fixture
def path(tmp_path):
    return tmp_path / "chapter.ipynb"


def test_executing_twice_changes_nothing(path):
    nbformat.write(notebook("print('a')\nprint('b')", "1 + 1", "import os; os.environ['TQDM_DISABLE']"), path)
    assert execute.main([str(path)]) == 0
    first = path.read_bytes()
    assert execute.main([str(path)]) == 0
    assert path.read_bytes() == first
    assert execute.main(["--check", str(path)]) == 0


def test_a_live_cell_runs_but_stores_nothing(path):
    nbformat.write(notebook("import ipywidgets; ipywidgets.interact(lambda x: print(x), x=3)", tags=["live"]), path)
    execute.main([str(path)])
    cell = nbformat.read(path, as_version=4).cells[0]
    assert (cell.outputs, cell.execution_count) == ([], 1)


def test_a_failing_notebook_is_left_as_it_was(path, capsys):
    nbformat.write(notebook("print('kept?')", "1 / 0"), path)
    before = path.read_bytes()
    assert execute.main([str(path)]) == 1
    assert path.read_bytes() == before
    assert "chapter.ipynb stopped, and was left as it was" in capsys.readouterr().err


def test_a_notebook_that_runs_out_of_time_is_started_once_more_and_then_given_up(path, capsys, monkeypatch):
    nbformat.write(notebook("open('runs', 'a').write('x'); import time; time.sleep(60)"), path)
    monkeypatch.setattr(execute, "SECONDS_PER_CELL", 2)
    before = path.read_bytes()
    assert execute.main([str(path)]) == 1
    assert (path.parent / "runs").read_text() == "xx"
    assert path.read_bytes() == before
    assert "stopped, and was left as it was" in capsys.readouterr().err


def test_a_notebook_that_was_not_run_is_found(path, capsys):
    nbformat.write(notebook("1"), path)
    assert execute.main(["--check", str(path)]) == 1
    assert "chapter.ipynb, code cell 1: its execution count is None" in capsys.readouterr().out


def test_cells_run_out_of_order_are_found(path):
    made = notebook("1", "2")
    made.cells[0].execution_count, made.cells[1].execution_count = 2, 1
    nbformat.write(made, path)
    assert len(execute.incomplete(path)) == 2


CHAPTER = notebooks()[-1]


def test_a_changed_stub_is_found_and_mended(monkeypatch, tmp_path):
    stem = next(path.stem for path in notebooks() if path.stem in sync.stems_with_exercises())
    made = nbformat.read(BOOK / f"{stem}.ipynb", as_version=4)
    attempt = next(cell for cell in made.cells if cell.id.endswith("-attempt"))
    right, attempt.source = attempt.source, attempt.source + "\n# changed"
    mended = next(cell for cell in sync.synced(made, stem).cells if cell.id == attempt.id)
    assert mended.source == right


def test_a_cell_that_does_not_change_keeps_its_output():
    made = nbformat.read(CHAPTER, as_version=4)
    assert sync.synced(made, CHAPTER.stem) == made


def test_a_fork_repoints_everything_with_one_command(monkeypatch, tmp_path):
    config = tmp_path / "_config.yml"
    config.write_text((ROOT / "_config.yml").read_text())
    chapter = tmp_path / CHAPTER.name
    chapter.write_bytes(CHAPTER.read_bytes())
    monkeypatch.setattr(sync, "CONFIG", config)
    assert sync.main(["--repository", "https://example.org/me/fork", "--ref", "v9", str(chapter)]) == 0
    assert sync.configured() == ("https://example.org/me/fork", "v9")
    install = next(cell for cell in nbformat.read(chapter, as_version=4).cells if cell.id == "install")
    assert "git+https://example.org/me/fork@v9" in install.source
    assert sync.main(["--check", str(chapter)]) == 0


def test_the_placeholder_is_mentioned_while_it_stands(capsys, monkeypatch):
    monkeypatch.setattr(sync, "configured", lambda: ("https://github.com/OWNER/course", "v1"))
    sync.main(["--placeholder"])
    assert capsys.readouterr().out.count("\n") == 1
    monkeypatch.setattr(sync, "configured", lambda: ("https://github.com/somebody/course", "v1"))
    sync.main(["--placeholder"])
    assert capsys.readouterr().out == ""


def test_a_taken_port_gives_the_next_free_one(tmp_path):
    (tmp_path / "index.html").write_text("the book")
    with socket.socket() as taken:
        taken.bind((serve.HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with serve.bind(port, tmp_path) as server:
            assert server.server_port > port
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            with urllib.request.urlopen(f"http://{serve.HOST}:{server.server_port}/") as answer:
                assert answer.read() == b"the book"
            server.shutdown()
            thread.join()


def test_serving_without_a_book_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setattr(serve, "SITE", tmp_path)
    with pytest.raises(SystemExit, match="run `make html` first"):
        serve.main([])


def test_an_old_python_is_refused_in_one_sentence(monkeypatch):
    monkeypatch.setattr(set_up.sys, "version_info", (3, 9, 1))
    with pytest.raises(SystemExit, match=r"Python 3\.9\.1 found, 3\.11 to 3\.13 needed: run `make PYTHON="):
        set_up.main([])


def failing_pip(*succeeding):
    return lambda *arguments: any(word in " ".join(arguments) for word in succeeding)


@pytest.mark.parametrize(
    ("pip", "sentence"),
    [(failing_pip(), r"torch==\S+ could not be installed: check the network"),
     (failing_pip("--no-deps"), r"the packages of constraints\.txt could not be installed")],
)  # fmt: skip
def test_a_failed_installation_says_what_to_do_and_leaves_no_stamp(monkeypatch, tmp_path, pip, sentence):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").touch()
    monkeypatch.setattr(set_up, "VENV", tmp_path)
    monkeypatch.setattr(set_up, "pip", pip)
    with pytest.raises(SystemExit, match=sentence):
        set_up.main([])
    assert not (tmp_path / ".ok").exists()


def experiment(monkeypatch, tmp_path, run):
    module = type(sys)("lectures_pkg.experiments.made_up")
    module.SEEDS, module.run = range(4), run
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(results, "FOLDER", tmp_path)


def test_results_resume_where_they_stopped(monkeypatch, tmp_path):
    runs = []

    def run(seed):
        if seed == 2 and runs.count(2) == 0:
            runs.append(2)
            raise KeyboardInterrupt
        runs.append(seed)
        return {"score": seed / 10}

    experiment(monkeypatch, tmp_path, run)
    with pytest.raises(KeyboardInterrupt):
        results.store("made_up")
    results.store("made_up")
    assert runs == [0, 1, 2, 2, 3]
    assert '"score": 0.3' in (tmp_path / "made_up.json").read_text()


def test_a_fresh_seed_outside_the_stored_spread_is_refused(monkeypatch, tmp_path):
    stored = results.experiments.Spread(1.0, 0.1, 0.9, 1.1, 4)
    monkeypatch.setattr(results.experiments, "spread", lambda stem: {"score": stored})
    experiment(monkeypatch, tmp_path, lambda seed: {"score": 1.0 + seed})
    assert results.outside("made_up", 0) == []
    assert results.outside("made_up", 1) == ["made_up, seed 1: score is 2, stored 1 ± 0.1"]


def test_make_help_lists_the_targets():
    printed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True).stdout
    assert all(target in printed for target in ("book", "html", "test", "execute", "results"))
