"""What the page's script draws and judges by."""

from __future__ import annotations

from accelfront.report.data import report_study
from accelfront.report.page import render_page
from accelfront.report.points import study_values
from accelfront.screen.commands import Commands
from storage.records.budgets import Budgets
from storage.records.trial import Trial
from tests.accelfront.report.pages import readable
from tests.made_records import changed, made_measurement
from tests.made_reports import made_study, made_trial


def test_a_study_with_a_loss_of_its_own_has_figures_for_each_of_its_budgets() -> None:
    ssim = {"value": 0.9, "loss": 0.1, "loss_ci": [0.08, 0.13], "samples": 8}
    measured = made_measurement(2.0, 0.01, metrics={"ssim": ssim}, peak_memory_mib=900)
    trial = Trial(
        number=0,
        params={"cache_interval": 2},
        speedup=2.0,
        loss=0.1,
        loss_name="ssim",
        measurement=measured,
    )
    budgets = Budgets(0.15, {"clip_loss": 0.05, "memory_mib": 1000.0}, "ssim")
    study = changed(made_study([trial]), budgets=budgets)
    values = study_values(report_study(study, Commands([study])))
    assert values["loss"] == "ssim"
    assert list(values["axes"]) == ["speedup", "latency_s", "ssim", "clip_loss", "memory_mib"]
    [point] = values["points"]
    assert point["figures"].keys() >= values["budgets"].keys()
    assert point["figures"]["ssim"] == [0.1, 0.08, 0.13]
    page = " ".join(readable(render_page([study], {})).split())
    assert "<dt>SSIM loss</dt><dd><strong>10.0%</strong>" in page
    assert ">CLIP&nbsp;1.0%</td>" in page, "beside it"


def test_a_storage_without_studies_says_so() -> None:
    page = render_page([], {})
    assert "This storage holds no study yet" in page and "<form" not in page


def test_the_overview_tells_all_budgets_and_no_figure_of_what_is_no_answer() -> None:
    answered = made_trial(0, 1.5, 0.0, worst_losses=[0.31])
    wager = made_trial(1, 1.5, 0.019, worst_losses=[0.47], peak_memory_mib=900)
    limited = changed(made_study([wager], steps=12), budgets=Budgets(0.02, {"memory_mib": 1024.0}))
    page = " ".join(readable(render_page([made_study([answered]), limited], {})).split())
    overview = page[page.index('class="overview"') : page.index('class="study"')]
    first, second = overview.split("<tbody")[1].split("</tr>")[:2]
    assert ">31.0%</td>" in first and 'data-label="budgets">2%</td>' in first
    assert 'data-label="worst 5%" class="empty">-</td>' in second
    assert 'data-label="budgets">CLIP loss 2%, peak memory 1 GiB</td>' in second


def test_points_that_break_a_budget_are_counted() -> None:
    trials = [made_trial(n, 1.5, 0.0, peak_memory_mib=size) for n, size in enumerate((900, 1100))]
    study = changed(made_study(trials), budgets=Budgets(0.02, {"memory_mib": 1024.0}))
    page = " ".join(readable(render_page([study], {})).split())
    assert "1 left out, with peak memory above 1 GiB." in page
