"""The steps from a release to a newer one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hashserve.dictionary_files import LARGEST_BYTES, WHY_NOT_DICTIONARY
from hashserve.digests import digest_of
from hashserve.manifest.model import Manifest, Release
from hashserve.release_steps import WHY_NO_DELTA, ReleaseStep, release_steps

HASHES = ("0a1b2c3d4e5f", "1a1b2c3d4e5f", "2a1b2c3d4e5f", "3a1b2c3d4e5f")
NOW, LAST, EARLIER, FIRST = (f"app.{token}.js" for token in HASHES)


def manifest(
    older: Sequence[Mapping[str, str | None]],
    *,
    paths: Mapping[str, str],
    deltas: Mapping[str, Sequence[str]] | None,
    size: int = 9000,
) -> Manifest:
    """Return a manifest in which each file has ``size`` bytes, 3000 in brotli and 3100 in gzip.

    No two files have the same content.
    """
    releases = [Release(id=f"r{number}", created=number, changed=paths) for number, paths in enumerate(older)]
    files = {path: None for release in older for path in release.values() if path is not None}
    return Manifest(
        paths=paths,
        files={path: f"{size} {digest_of([path.encode()])} 3000 3100" for path in (*paths.values(), *files)},
        codings=("br", "gzip"),
        release="now",
        releases=releases,
        deltas=deltas,
    )


def one_step(*args: Any, **values: Any) -> ReleaseStep:
    (step,) = release_steps(manifest(*args, **values))
    return step


def reasons(step: ReleaseStep) -> dict[str, str]:
    return {file.path: file.why_no_delta for file in step.files if file.delta_size is None}


def test_a_step_has_the_changed_files_with_their_best_variants_and_deltas() -> None:
    step = one_step(
        [{"app.js": LAST}],
        paths={"app.js": NOW, "same.js": "same.0a1b2c3d4e5f.js"},
        deltas={NOW: [f"70 1a1b2c3d4e5f {LAST}"]},
    )
    assert (step.older, step.newer, step.created) == ("r0", "now", 0)
    assert [(file.path, file.best_size, file.delta_size) for file in step.files] == [(NOW, 3000, 70)]
    assert (step.best_bytes, step.delta_bytes, step.deltas, step.without_delta) == (3000, 70, 1, {})


def test_the_steps_to_the_release_in_force_come_before_those_between_retained_ones() -> None:
    deltas = {NOW: [f"70 1a1b2c3d4e5f {LAST}"], LAST: [f"80 2a1b2c3d4e5f {EARLIER}"]}
    steps = list(
        release_steps(manifest([{"app.js": LAST}, {"app.js": EARLIER}], paths={"app.js": NOW}, deltas=deltas))
    )
    assert [(step.older, step.newer) for step in steps] == [("r0", "now"), ("r1", "now"), ("r1", "r0")]
    assert [step.delta_bytes for step in steps] == [70, 3000, 80]


def test_a_release_without_older_ones_has_no_step() -> None:
    assert list(release_steps(manifest([], paths={"app.js": NOW}, deltas={}))) == []


def test_a_file_that_the_older_release_does_not_have_is_new() -> None:
    step = one_step([{"app.js": None}], paths={"app.js": NOW}, deltas={})
    assert reasons(step) == {NOW: "new"}
    assert step.best_bytes == step.delta_bytes == 3000


def test_a_file_that_only_the_older_release_has_is_not_downloaded() -> None:
    assert one_step([{"gone.js": LAST}], paths={}, deltas={}).files == []


def test_an_unhashed_file_is_no_part_of_a_step() -> None:
    listed = manifest([{"robots.txt": None}], paths={"robots.txt": "robots.txt"}, deltas={})
    (step,) = release_steps(listed._replace(files={}))
    assert step.files == []


def test_a_source_map_is_no_part_of_a_step() -> None:
    names = ("app.js.0a1b2c3d4e5f.map", "app.0a1b2c3d4e5f.js.MAP")
    step = one_step([dict.fromkeys(names)], paths={name: name for name in names}, deltas={})
    assert step.files == []


def test_a_build_without_deltas_is_the_reason_of_every_file() -> None:
    step = one_step([{"app.js": LAST}], paths={"app.js": NOW}, deltas=None)
    assert step.without_delta == {"off": 1}


def test_an_older_version_that_is_no_dictionary_is_the_reason() -> None:
    paths: Mapping[str, str] = {"a.js": NOW, "b.png": "b.0a1b2c3d4e5f.png"}
    older = {"a.js": LAST, "b.png": "b.1a1b2c3d4e5f.png"}
    step = one_step([older], paths=paths, deltas={}, size=2047)
    assert reasons(step) == {NOW: "small", "b.0a1b2c3d4e5f.png": "kind"}
    assert list(step.without_delta) == ["kind", "small"]


def test_a_dictionary_without_a_delta_saves_little() -> None:
    assert reasons(one_step([{"app.js": LAST}], paths={"app.js": NOW}, deltas={})) == {NOW: "saves-little"}


def test_a_version_of_two_releases_is_one_version() -> None:
    older: list[dict[str, str | None]] = [{"app.js": LAST}, {"app.js": LAST, "x.js": None}]
    *steps, between = release_steps(manifest(older, paths={"app.js": NOW}, deltas={}))
    assert [reasons(step)[NOW] for step in steps] == ["saves-little", "saves-little"]
    assert between.files == []


def test_a_file_that_has_its_own_next_version_is_no_version_of_another() -> None:
    new = "app.DiwrgTda.js"
    step = one_step([{"app.js": LAST, new: None}], paths={"app.js": NOW, new: new}, deltas={})
    assert reasons(step) == {NOW: "saves-little", new: "new"}


def test_a_version_behind_as_many_others_as_a_file_has_deltas_is_too_old() -> None:
    older: list[dict[str, str | None]] = [
        {"app.js": LAST},
        {"app.js": LAST, "x.js": None},
        {"app.js": EARLIER},
        {"app.js": FIRST},
    ]
    deltas = {NOW: [f"70 1a1b2c3d4e5f {LAST}"]}
    steps = list(release_steps(manifest(older, paths={"app.js": NOW}, deltas=deltas)))[:4]
    assert [reasons(step).get(NOW) for step in steps] == [None, None, "too-old", "too-old"]
    deltas = {**deltas, "x.0a1b2c3d4e5f.js": ["7 a " + LAST, "7 b " + EARLIER]}
    steps = list(release_steps(manifest(older, paths={"app.js": NOW}, deltas=deltas)))[:4]
    assert [reasons(step).get(NOW) for step in steps] == [None, None, "saves-little", "too-old"]


def test_versions_of_a_bundlers_name_may_be_too_old_too() -> None:
    names = ("a/i-DiwrgTda.js", "a/i-b7x0qk2m.js", "a/i-DR-PG0Cu.js", "a/i-C_rL51Fj.js")
    older = [{names[0]: None, name: name} for name in names[1:]]
    steps = list(release_steps(manifest(older, paths={names[0]: names[0]}, deltas={})))[:3]
    assert [reasons(step)[names[0]] for step in steps] == ["saves-little", "too-old", "too-old"]


def test_a_release_that_went_back_has_a_step_to_the_release_between() -> None:
    step = one_step([{"app.js": LAST}], paths={"app.js": NOW}, deltas={LAST: [f"70 0a1b2c3d4e5f {NOW}"]})
    assert reasons(step) == {NOW: "saves-little"}


def test_a_name_that_a_bundler_fingerprinted_is_a_version_of_the_same_name_with_another_fingerprint() -> None:
    new, old = "assets/index-DiwrgTda.js", "assets/index-DR-PG0Cu.js"
    older = [{new: None, old: old}]
    step = one_step(older, paths={new: new}, deltas={new: [f"70 DR-PG0Cu {old}"]})
    assert [(file.path, file.delta_size) for file in step.files] == [(new, 70)]
    assert reasons(one_step(older, paths={new: new}, deltas={})) == {new: "saves-little"}


def test_two_files_of_one_name_without_the_fingerprint_are_ambiguous() -> None:
    new, old = ("assets/index-DiwrgTda.js", "assets/index-b7x0qk2m.js"), "assets/index-DR-PG0Cu.js"
    older = [{new[0]: None, new[1]: None, old: old}]
    step = one_step(older, paths={path: path for path in new}, deltas={})
    assert reasons(step) == dict.fromkeys(new, "ambiguous")
    step = one_step([{**dict.fromkeys([old]), new[0]: new[0], new[1]: new[1]}], paths={old: old}, deltas={})
    assert reasons(step) == {old: "ambiguous"}


def test_a_new_name_without_a_fingerprint_to_leave_out_may_be_a_version_of_any_other() -> None:
    new, old = "chunks/DiwrgTda.js", "chunks/C_rL51Fj.js"
    assert reasons(one_step([{new: None, old: old}], paths={new: new}, deltas={})) == {new: "no-fingerprint"}
    paths = {"[slug].js": "[slug].0a1b2c3d4e5f.js"}
    assert reasons(one_step([dict.fromkeys(paths)], paths=paths, deltas={})) == {paths["[slug].js"]: "new"}


def test_a_chunk_that_stays_the_same_is_no_version_of_a_new_one() -> None:
    same, new, old = "a/index-DiwrgTda.js", "a/index-b7x0qk2m.js", "a/index-DR-PG0Cu.js"
    step = one_step([{new: None, old: old}], paths={same: same, new: new}, deltas={})
    assert reasons(step) == {new: "saves-little"}


def test_a_large_file_has_no_delta() -> None:
    step = one_step([{"app.js": LAST}], paths={"app.js": NOW}, deltas={}, size=LARGEST_BYTES + 1)
    assert reasons(step) == {NOW: "large"}
    step = one_step([{"app.js": LAST}], paths={"app.js": NOW}, deltas={}, size=LARGEST_BYTES)
    assert reasons(step) == {NOW: "saves-little"}


def test_the_same_content_under_another_fingerprint_has_no_delta() -> None:
    listed = manifest([{"app.js": LAST}], paths={"app.js": NOW}, deltas={})
    (step,) = release_steps(listed._replace(files=dict.fromkeys(listed.files, listed.files[NOW])))
    assert reasons(step) == {NOW: "same-content"}


def test_a_version_whose_name_differs_in_more_than_the_fingerprint_is_not_offered() -> None:
    step = one_step([{"app.js": "app-0a1b2c3d4e5f.js"}], paths={"app.js": NOW}, deltas={})
    assert reasons(step) == {NOW: "other-name"}


def test_files_of_unknown_size_have_no_deltas() -> None:
    listed = manifest([{"app.js": LAST}], paths={"app.js": NOW}, deltas={})
    (step,) = release_steps(listed._replace(files=dict.fromkeys(listed.files)))
    assert reasons(step) == {NOW: "unknown-size"}
    (step,) = release_steps(listed._replace(files={NOW: listed.files[NOW]}))
    assert reasons(step) == {NOW: "unknown-size"}


def test_every_reason_of_a_file_that_is_no_dictionary_is_a_reason_for_no_delta() -> None:
    assert WHY_NOT_DICTIONARY.keys() < WHY_NO_DELTA.keys()


def test_a_step_of_few_changes_looks_at_few_files() -> None:
    class Counting(dict[str, str]):
        looked_up = 0

        def get(self, key: str, default: Any = None) -> Any:
            self.looked_up += 1
            return super().get(key, default)

    paths = Counting({f"{number}.js": f"{number}.0a1b2c3d4e5f.js" for number in range(1000)})
    older = [{"7.js": f"7.{token}.js"} for token in HASHES[1:]]
    assert [len(step.files) for step in release_steps(manifest(older, paths=paths, deltas={}))] == [1] * 5
    assert paths.looked_up < 20
