"""From typed options to a plan: which machine, which models, what is asked; shared by ``plan`` and ``up``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import typer

from deploy.hardware.described import describe_machine
from stillroom.cli.plan_commands import repeating, typed_options

if TYPE_CHECKING:
    from deploy.calibration.corrections import Calibration
    from deploy.plan import PlanRequest
    from deploy.planning.opening import Opener
    from deploy.planning.planner import PlanReport
    from deploy.planning.subject import Subject
    from deploy.spec import EngineName, Machine
    from stillroom.cli.asked import Asked
    from stillroom.cli.rooms import Rooms


def make_report(
    rooms: Rooms, asked: Asked, *, engines: tuple[EngineName, ...] | None = None, exact: bool = False
) -> PlanReport:
    """Weigh what was asked for on the machine that was asked for.

    Args:
        rooms: the settings.
        asked: what was typed.
        engines: only these, whatever the settings say.
        exact: read the header of the pick's weights from where they would be downloaded, and weigh it again.

    Raises:
        PlanError: a model, quantization, machine or workload is unknown or senseless.
        WeightsError: a file or URL cannot be read.
        EngineError: the calibration file is damaged.
    """
    from deploy.catalog import load_catalog
    from deploy.planning.planner import catalog_subjects, plan

    subjects, quantization = find_subjects(rooms, asked)
    request = make_request(rooms, quantization, asked.request)
    if engines is not None:
        request = replace(request, engines=engines)
    named = asked.model.name is not None or asked.model.config is not None
    others = catalog_subjects(load_catalog()) if named else ()
    machine = find_machine(rooms, asked)
    calibration = find_calibration(rooms, asked, machine)
    report = plan(machine, request, subjects, named=named, others=others, calibration=calibration)
    if exact and report.pick is not None:
        engine, picked = report.pick.engine, report.shown.quantization
        known = make_opener(rooms).exact(report.shown.subject, engine, picked)
        only = replace(request, engines=(engine,), quantization=picked)
        report = plan(machine, only, (known,), named=True, others=others, calibration=calibration)
    return repeating(report, typed_options(asked, request))


def find_calibration(rooms: Rooms, asked: Asked, machine: Machine) -> Calibration:
    """What earlier launches measured, unless it was asked to plan without.

    Raises:
        EngineError: the calibration file is damaged.
    """
    from deploy.calibration.corrections import UNCALIBRATED

    return rooms.calibration(machine) if asked.calibrated else UNCALIBRATED


def find_machine(rooms: Rooms, asked: Asked) -> Machine:
    """This machine, or the one that was described.

    Raises:
        PlanError: a GPU is unknown, a size cannot be read, or a machine's file is not one.
    """
    if asked.machine_file is None:
        base = rooms.machine()
    else:
        from deploy.hardware.machine_file import load_machine

        base = load_machine(asked.machine_file)
    return describe_machine(base, asked.machine)


def find_subjects(rooms: Rooms, asked: Asked) -> tuple[tuple[Subject, ...], str | None]:
    """The models to weigh, and the quantization that was asked for, by option or within the name.

    Raises:
        PlanError: the model is unknown.
        WeightsError: a file or URL cannot be read.
    """
    from deploy.catalog import load_catalog
    from deploy.planning.planner import catalog_subjects
    from deploy.quantizations.quantization import find_quantization

    name, config, quantization = asked.model.name, asked.model.config, asked.quantization
    if name is not None and config is not None:
        raise typer.BadParameter("--config sizes one model: name no other beside it")
    if name is None and config is None:
        if asked.model.adapters:
            raise typer.BadParameter("--lora belongs to one model: name it")
        return catalog_subjects(load_catalog(), every=asked.model.every), quantization
    opener = make_opener(rooms)
    if config is not None:
        subject = opener.from_config(config, quantization)
    else:
        subject, within = opener.open(str(name), quantization)
        if quantization is not None and within and find_quantization(quantization).name != within:
            raise typer.BadParameter(f"{name} is {within}, and --quant says {quantization}: name one of them")
        quantization = within or quantization
    return (opener.with_adapters(subject, asked.model.adapters),), quantization


def make_opener(rooms: Rooms) -> Opener:
    """What opens models from files, URLs and servers, as the settings reach them."""
    from deploy.catalog import load_catalog
    from deploy.planning.opening import Opener

    token = rooms.settings.hub_token
    return Opener(
        catalog=load_catalog(),
        hub_url=rooms.settings.hub_url,
        token=token.get_secret_value() if token else None,
        ollama_url=rooms.settings.ollama_url,
    )


def make_request(rooms: Rooms, quantization: str | None, typed: PlanRequest) -> PlanRequest:
    """What was typed, for the context, users and engines that the settings ask for."""
    return replace(typed, workload=rooms.workload, engines=rooms.engines, quantization=quantization)
