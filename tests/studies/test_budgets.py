from __future__ import annotations

from dataclasses import replace

import pytest

from objectives.errors import InputError
from storage.database.opening import Store
from storage.records.budgets import Budgets
from storage.study_store.attributes import BUDGETS
from studies.budgets import AskedBudgets, budget_words, read_budgets
from studies.commands import study_command
from studies.plan import make_plan
from studies.request import BudgetUse
from studies.run.opening import open_study_store
from tests.studies.conftest import QUICK


@pytest.mark.parametrize(
    ("text", "name", "most"),
    [
        ("ssim=10%", "ssim", 0.1),
        ("ssim=0.1", "ssim", 0.1),
        (" ssim = 0 ", "ssim", 0.0),
        ("image_similarity=5%", "image_similarity", 0.05),
        ("memory=20GiB", "memory_mib", 20480.0),
        ("memory=0.5 gib", "memory_mib", 512.0),
        ("memory=512MiB", "memory_mib", 512.0),
        ("memory=1.048576GB", "memory_mib", 1000.0),
        ("memory=none", "memory_mib", None),
        ("psnr=None", "psnr", None),
    ],
)
def test_a_budget_is_read_and_written(text: str, name: str, most: float | None) -> None:
    limits = read_budgets([text]).limits
    assert limits == {name: pytest.approx(most)}
    assert read_budgets([budget_words(name, most)]).limits == limits


def test_a_share_of_the_loss_is_divided_as_written() -> None:
    # 2.3 / 100 in floats is another number.
    assert read_budgets(["clip_loss=2.3%"]) == read_budgets(["clip_loss=0.023"])


@pytest.mark.parametrize("given", [(["clip_loss=2%"], None), ([], 0.02)])
def test_the_loss_budget_has_two_spellings(given: tuple[list[str], float | None]) -> None:
    assert read_budgets(*given) == AskedBudgets({"clip_loss": 0.02})


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["ssim"], "NAME=VALUE"),
        (["=2%"], "there is no budget"),
        (["ssim="], "NAME=VALUE"),
        (
            ["sim=1%"],
            "there are clip_loss, image_similarity, psnr, ssim, ms_ssim, attributes, lpips, dino, "
            "pickscore, hpsv2, image_reward, memory",
        ),
        (["clip_los=1%"], "did you mean clip_loss"),
        (["ssim=much"], "greatest loss"),
        (["ssim=nan"], "greatest loss"),
        (["ssim=-1%"], "greatest loss"),
        (["ssim=0.9"], "for SSIM of at least 0.9 give ssim=10%"),
        (["psnr=30"], "for PSNR of at least 30 give psnr=3.16%"),
        (["ssim=150%"], "--budget ssim is the greatest loss, at most 50%, as ssim=2%"),
        (["clip_loss=2"], "greatest loss, at most 50%, as clip_loss=2%"),
        (["clip_loss=60%"], "greatest loss, at most 50%, as clip_loss=2%"),
        (["memory=20"], "MiB, GiB, MB or GB"),
        (["memory=0GiB"], "MiB, GiB, MB or GB"),
        (["memory=GiB"], "MiB, GiB, MB or GB"),
        (["memory=20TiB"], "MiB, GiB, MB or GB"),
        ([f"memory=1{'0' * 400}GiB"], "MiB, GiB, MB or GB"),
        (["ssim=1e999%"], "greatest loss"),
        (["ssim=1%", "ssim=2%"], "^--budget ssim is given twice; give it once$"),
        (["memory=1GiB", "memory=none"], "^--budget memory is given twice; give it once$"),
    ],
)
def test_what_is_no_budget_is_refused_in_one_line(texts: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        read_budgets(texts)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("share", [0.6, -1.0, float("nan")])
def test_a_loss_budget_as_a_share_has_the_same_limit(share: float) -> None:
    with pytest.raises(
        InputError, match=r"^--req-score-loss is the greatest CLIP loss, a share of at most 0\.5,"
    ):
        read_budgets([], share)


def test_the_loss_budget_is_given_once() -> None:
    told = "^--budget clip_loss and --req-score-loss set the same budget; give one of them$"
    with pytest.raises(InputError, match=told):
        read_budgets(["clip_loss=2%"], 0.03)


def test_a_memory_budget_is_refused_on_a_cpu() -> None:
    with pytest.raises(InputError, match="the device is cpu"):
        make_plan(replace(QUICK, conditions={"memory_mib": 1024.0}))


def test_a_study_keeps_its_budgets_until_they_are_set_anew_or_lifted(store: Store) -> None:
    def kept(conditions: dict[str, float | None], budget_use: BudgetUse = "set") -> object:
        request = replace(QUICK, conditions=conditions, budget_use=budget_use)
        return open_study_store(make_plan(request), store).study.user_attrs.get(BUDGETS)

    assert kept({}) is None, "a study without budgets is stored as ever"
    assert kept({"ssim": 0.1, "psnr": 0.05}) == {"ssim": 0.1, "psnr": 0.05}
    assert kept({}) == {"ssim": 0.1, "psnr": 0.05}
    assert kept({"ssim": 0.2}) == {"ssim": 0.2, "psnr": 0.05}
    assert kept({"ssim": 0.3}, budget_use="begin") == {"ssim": 0.2, "psnr": 0.05}
    assert kept({"ssim": 0.3}, budget_use="run") == {"ssim": 0.2, "psnr": 0.05}
    assert kept({"ssim": None, "psnr": None}) == {}


def test_budgets_make_no_other_study() -> None:
    budgeted = make_plan(replace(QUICK, conditions={"ssim": 0.1}))
    assert budgeted.study_name == make_plan(QUICK).study_name


def test_a_command_names_its_budgets() -> None:
    conditions = {"ssim": 0.1, "memory_mib": 20480.0, "psnr": None}
    command = study_command(replace(QUICK, conditions=conditions))
    assert "--budget ssim=10% --budget memory=20GiB --budget psnr=none" in command


def test_the_loss_that_a_study_searches_by_has_a_budget_always() -> None:
    with pytest.raises(InputError, match=r"^--budget ssim=none: the loss that a study searches by"):
        read_budgets(["ssim=none"]).over(Budgets(0.1, {"clip_loss": 0.02}, "ssim"))
    asked = read_budgets(["clip_loss=none"])
    assert asked.over(Budgets(0.1, {"clip_loss": 0.02}, "ssim")) == Budgets(0.1, {}, "ssim")
    with pytest.raises(InputError, match="clip_loss=none"):
        asked.over(Budgets(0.02))


def test_a_budget_of_the_study_s_own_loss_is_told_from_conditions() -> None:
    asked = read_budgets(["ssim=5%", "memory=1GiB"], 0.03)
    assert asked.beside("clip_loss") == (0.03, {"ssim": 0.05, "memory_mib": 1024.0})
    assert asked.beside("ssim") == (0.05, {"clip_loss": 0.03, "memory_mib": 1024.0})
    assert asked.beside("psnr")[0] is None


def test_asked_budgets_go_over_those_of_a_study() -> None:
    own = Budgets(0.02, {"ssim": 0.1, "psnr": 0.05})
    assert read_budgets(["ssim=none"]).over(own) == Budgets(0.02, {"psnr": 0.05})
    assert read_budgets(["clip_loss=5%"]).over(own) == own.with_loss(0.05)
