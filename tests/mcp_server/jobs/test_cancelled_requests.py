"""A job that is cancelled leaves the engine at once, also where the model says nothing for minutes."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from agents.running.limits import Limits
from agents.toolkit.access import Access
from mcp_server.job_kinds import job_kinds
from mcp_server.jobs.runner import JobRunner
from mcp_server.jobs.store import JobStore
from tests.agents.chat_script import Reply, chat_script
from tests.processes import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from agents.services import Services

PATIENT_S = 120
QUESTION = {"question": "水位达到37米时，应当打开哪个闸门？"}


@pytest.mark.parametrize("pieces", [(), ('{"claims": [',)], ids=["nothing was said", "in the middle"])
@pytest.mark.parametrize("kind", ["ask_library", "run_agent"])
def test_a_silent_model_is_left_when_its_job_is_cancelled(
    shelf: Services, tmp_path: Path, kind: str, pieces: tuple[str, ...]
) -> None:
    silent = Reply(pieces, silent=True)
    with chat_script(silent) as script:
        services = replace(shelf, endpoint=script.endpoint)
        kinds = job_kinds(
            services, Access(), ingest_command=(), ingest_environment={}, agent_limits=Limits(seconds=600)
        )
        with closing(JobRunner(JobStore(tmp_path / "jobs.sqlite3"), kinds)) as runner:
            job = runner.start(kind, QUESTION, "ada")
            assert wait_until(lambda: bool(script.requests), PATIENT_S)

            runner.cancel(job.id, "ada")

            assert silent.left.wait(PATIENT_S)
            assert runner.wait(job.id, PATIENT_S).state == "cancelled"
