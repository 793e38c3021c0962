"""What an engine is started from: which plan, which engines, which weights; for ``up`` and ``export``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from stillroom.cli import models
from stillroom.cli.planning import make_report, make_request
from stillroom.errors import EngineUnavailableError, WeightsError

if TYPE_CHECKING:
    from deploy.plan import Plan
    from deploy.spec import EngineName
    from stillroom.cli.asked import Asked
    from stillroom.cli.output import Output
    from stillroom.cli.rooms import Rooms


def plan_to_start(
    rooms: Rooms,
    asked: Asked,
    plan_file: Path | None,
    *,
    bundled: bool,
    engines: tuple[EngineName, ...] | None = None,
) -> Plan:
    """The plan of the file or of the bundled model, else the pick among the engines that can be started.

    Args:
        rooms: the settings.
        asked: what was typed of model and machine.
        plan_file: what ``stillroom plan --save`` wrote; it says everything.
        bundled: the small demo model, on the CPU.
        engines: only these, installed here or not; None for those that are, or that the settings name.

    Raises:
        PlanError: the file holds no plan, or what was asked for is unknown or does not fit.
        EngineUnavailableError: no engine is installed here, and the plan is for here.
    """
    from deploy.catalog import load_catalog
    from deploy.planning.planner import plan_bundled, require_pick

    if plan_file is not None:
        from deploy.planning.plan_file import load_plan

        return load_plan(plan_file)
    if bundled:
        return plan_bundled(rooms.machine(), make_request(rooms, None, asked.request), load_catalog())
    if engines is None:
        engines = rooms.engines if asked.elsewhere else _installed_engines(rooms)
    return require_pick(make_report(rooms, asked, engines=engines))


def _installed_engines(rooms: Rooms) -> tuple[EngineName, ...]:
    """The engine that was asked for, else those that are installed here.

    Raises:
        EngineUnavailableError: none is.
    """
    if rooms.settings.engine != "auto":
        return rooms.engines
    from deploy.engines import engines

    found = tuple(engine.name for engine in engines(rooms.engine_homes) if engine.availability().installed)
    if not found:
        raise EngineUnavailableError(
            f"none of the engines is installed: {', '.join(rooms.engines)}",
            hint="pip install 'stillroom[embedded]'",
        )
    return found


def weights_to_load(output: Output, rooms: Rooms, plan: Plan, *, fetch: bool) -> Path | None:
    """The file or folder that the engine loads; None where it fetches the weights itself, by name.

    Raises:
        WeightsError: only the model's shape or its address is known, and no engine fetches that.
    """
    if plan.weights_path:
        return Path(plan.weights_path)
    from deploy.catalog import load_catalog
    from deploy.weights import weights_path

    known = any(model.id == plan.model_id for model in load_catalog().models)
    if not known and (plan.engine == "embedded" or not plan.weights_name):
        raise WeightsError(
            f"the weights of {plan.model_id} are not on this machine, and the {plan.engine} engine cannot "
            "fetch them by that name",
            hint="download the file, then: stillroom up ./FILE.gguf",
        )
    if plan.engine != "embedded":
        return None

    model, quantization = load_catalog().find(plan.model_id), plan.artefact.quantization
    if fetch:
        return models.fetch(output, rooms, model, quantization).path
    return weights_path(model, quantization, cache_dir=rooms.settings.cache_dir)
