"""What an engine is started from: which plan, weights, command and ladder; for ``up`` and ``export``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from stillroom.cli import models
from stillroom.cli.asked import ModelOptions
from stillroom.cli.planning import (
    find_calibration,
    find_machine,
    find_subjects,
    make_opener,
    make_report,
    make_request,
)
from stillroom.errors import EngineUnavailableError, PlanError, SettingsError, WeightsError

if TYPE_CHECKING:
    from deploy.engines.base import LaunchOptions
    from deploy.plan import Plan
    from deploy.planning.ladder import Ladder
    from deploy.planning.subject import Subject
    from deploy.spec import EngineName, LaunchSpec
    from stillroom.cli.asked import Asked
    from stillroom.cli.launch_choices import LaunchChoices
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
        machine, request = rooms.machine(), make_request(rooms, None, asked.request)
        calibration = find_calibration(rooms, asked, machine)
        return plan_bundled(machine, request, load_catalog(), calibration=calibration)
    if engines is None:
        engines = rooms.engines if asked.elsewhere else _installed_engines(rooms)
    return require_pick(make_report(rooms, asked, engines=engines))


def require_devices(rooms: Rooms, plan: Plan) -> None:
    """Return if this machine has the GPUs that the plan puts the model on.

    Raises:
        PlanError: it has not: the plan was made for another machine.
    """
    if not plan.placement.gpus:
        return
    here = {gpu.index for gpu in rooms.machine().gpus}
    missing = [f"gpu:{index}" for index in plan.placement.gpus if index not in here]
    if missing:
        has = f"has {len(here)} GPU{'s' if len(here) > 1 else ''}" if here else "has no GPU"
        raise PlanError(
            f"the plan puts {plan.model_tag} on {', '.join(missing)}, and this machine {has}",
            hint="stillroom plan, or look at the command: stillroom up --plan FILE --dry-run",
        )


def spread_over(rooms: Rooms, asked: Asked, plan: Plan, choices: LaunchChoices) -> Plan:
    """The plan over the GPUs of several machines, where several were asked for.

    Raises:
        PlanError, NothingFitsError: they cannot share the model.
    """
    if choices.nodes == 1:
        return plan
    from deploy.planning.nodes import over_machines
    from deploy.planning.options import Weigher

    machine = find_machine(rooms, asked)
    weigher = Weigher(machine, asked.request, calibration=find_calibration(rooms, asked, machine))
    return over_machines(plan, weigher, _subject_of(rooms, asked, plan), nodes=choices.nodes)


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


def launch_spec(rooms: Rooms, plan: Plan, weights: Path | None, choices: LaunchChoices) -> LaunchSpec:
    """How to start the engine on a port of ours, or how to attach to one that runs.

    Raises:
        SettingsError: it would answer anybody on the network, without a key.
        EngineError: the engine cannot serve the plan, or what runs serves something else.
    """
    from deploy.engines import engine as engine_named
    from deploy.launching.attaching import attached_to
    from deploy.ports import require_own_address

    if not choices.elsewhere:
        require_own_address(choices.host)
    _require_key(choices.host, plan.engine, has_key=rooms.settings.engine_api_key is not None)
    chosen = engine_named(plan.engine, rooms.engine_homes)
    spec = chosen.launch_spec(plan, launch_options(rooms, weights, choices))
    if choices.port or choices.elsewhere:
        return spec
    running_url = chosen.availability().running_url
    return attached_to(spec, plan, url=running_url) if running_url else spec


def launch_options(rooms: Rooms, weights: Path | None, choices: LaunchChoices) -> LaunchOptions:
    """What was typed of the launch, and what the settings and this machine add to it."""
    from deploy.engines.base import LaunchOptions
    from deploy.hardware.cpu import cpu_cores
    from deploy.ports import free_port
    from stillroom.settings import PUBLIC_HUB

    settings = rooms.settings
    key, token = settings.engine_api_key, settings.hub_token
    hub = settings.hub_url.rstrip("/")
    return LaunchOptions(
        port=choices.port or free_port(),
        weights=weights,
        host=choices.host,
        threads=cpu_cores(),
        api_key=key.get_secret_value() if key else None,
        hub_url="" if hub == PUBLIC_HUB else hub,
        hub_token=token.get_secret_value() if token else None,
        files_dir=settings.state_dir / "files",
        quantize=choices.quantize,
        keep_alive=choices.keep_alive,
        prefix_caching=choices.prefix_caching,
        exact_kv_cache=choices.exact_kv_cache,
        nodes=choices.nodes,
        node_launcher=choices.node_launcher,
        head_address=choices.head_address,
    )


def ladder_for(rooms: Rooms, asked: Asked, plan: Plan) -> Ladder | None:
    """What may be given up where the plan runs out of memory; None where its model cannot be weighed again.

    Another model takes its place only where none was named.
    """
    from deploy.catalog import load_catalog
    from deploy.planning.ladder import Ladder
    from deploy.planning.options import Weigher
    from deploy.planning.planner import catalog_subjects

    try:
        subject = _subject_of(rooms, asked, plan)
    except (PlanError, WeightsError, EngineUnavailableError):
        # Its header may be on another machine, or on a hub that cannot be reached: the plan may still start.
        return None
    request = replace(
        asked.request, workload=plan.workload, engines=(plan.engine,), kv_cache_type=None, quantization=None
    )
    others = () if asked.model.name or subject.bundled else catalog_subjects(load_catalog())
    machine = rooms.machine()
    calibration = find_calibration(rooms, asked, machine)
    return Ladder(Weigher(machine, request, named=True, calibration=calibration), subject, others)


def _subject_of(rooms: Rooms, asked: Asked, plan: Plan) -> Subject:
    """The planned model, with its adapters.

    Raises:
        PlanError, WeightsError, EngineUnavailableError: it is not in the catalog and cannot be read again.
    """
    from deploy.catalog import load_catalog
    from deploy.planning.subject import from_catalog

    known = [from_catalog(model) for model in load_catalog().models if model.id == plan.model_id]
    # The id of a local folder is the file within it; engines are given the folder again.
    name = plan.weights_path or plan.model_id
    found = known or find_subjects(rooms, replace(asked, model=ModelOptions(name)))[0]
    adapters = tuple(Path(adapter.path) for adapter in plan.adapters)
    return make_opener(rooms).with_adapters(found[0], adapters)


def _require_key(host: str, engine: EngineName, *, has_key: bool) -> None:
    """An address that others reach is opened only with a key."""
    from deploy.loopback import is_loopback

    if has_key or is_loopback(f"http://{f'[{host}]' if ':' in host else host}"):
        return
    if engine == "ollama":
        raise SettingsError(
            f"Ollama asks for no key, and on {host} everybody who reaches this machine could use it",
            hint="stillroom up --host 127.0.0.1, with a proxy before it that asks for a password",
        )
    raise SettingsError(
        f"on {host} everybody who reaches this machine could use the engine: it needs a key",
        hint="set STILLROOM_ENGINE_API_KEY",
    )
