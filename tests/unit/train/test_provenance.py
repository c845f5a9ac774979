import subprocess

from mlwright.train.provenance import git_tags


def git(folder, *arguments):
    subprocess.run(["git", "-C", folder, *arguments], check=True, capture_output=True)


def test_commit_and_changes(tmp_path):
    git(tmp_path, "init")
    assert git_tags(tmp_path) == {}
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-m", "a")
    clean = git_tags(tmp_path)
    assert len(clean["git_commit"]) == 40
    assert clean["git_dirty"] == "false"
    (tmp_path / "a").write_text("2")
    assert git_tags(tmp_path) == {**clean, "git_dirty": "true"}


def test_no_repository(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_tags(tmp_path) == {}
    monkeypatch.setenv("PATH", "")
    assert git_tags(tmp_path) == {}
