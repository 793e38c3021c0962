"""What the settings say of deployment: engines, this machine, its calibration, and the endpoint.

It asks for what is needed when it is needed, and starts nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from deploy.calibration.corrections import Calibration
    from deploy.calibration.observation import Observation
    from deploy.endpoint import Endpoint
    from deploy.engines import EngineHomes
    from deploy.measurement import Measurement
    from deploy.spec import EngineName, Machine, Workload
    from deploy.supervision.deployment import Deployment
    from stillroom.settings import Settings


@dataclass(frozen=True)
class DeploymentRooms:
    """What commands that plan, start and ask engines work with.

    Args:
        settings: read once by ``stillroom.cli.rooms.open_rooms``.
    """

    settings: Settings

    @property
    def logs_dir(self) -> Path:
        """Where engines' logs go."""
        return self.settings.state_dir / "logs"

    @property
    def workload(self) -> Workload:
        """The context and the sequences that the settings ask for."""
        from deploy.spec import Workload

        return Workload(self.settings.context_tokens, self.settings.concurrent_sequences)

    @property
    def engines(self) -> tuple[EngineName, ...]:
        """The engines to plan for: the one set, or all."""
        from deploy.spec import ENGINE_NAMES

        return ENGINE_NAMES if self.settings.engine == "auto" else (self.settings.engine,)

    @property
    def engine_homes(self) -> EngineHomes:
        """Where the engines are that the settings name."""
        from deploy.engines import EngineHomes
        from deploy.engines.vllm import VllmHome

        settings = self.settings
        vllm = VllmHome(
            url=settings.vllm_url,
            image=settings.vllm_image,
            container_tool=settings.container_tool,
            program=settings.vllm_program,
        )
        return EngineHomes(ollama_url=settings.ollama_url, vllm=vllm)

    def machine(self) -> Machine:
        """What this machine has now."""
        from deploy.hardware.detect import detect_machine

        settings = self.settings
        return detect_machine(
            disk_path=settings.data_dir, cache_dir=settings.cache_dir, visible_gpus=settings.visible_gpus
        )

    def measured_machine(self) -> Machine:
        """The same, its memory bandwidth measured where it was not yet: a third of a second, once.

        Raises:
            EnvironmentUnfitError: the figure cannot be kept.
        """
        from deploy.hardware.bandwidth import measure_bandwidth, remember_bandwidth

        machine = self.machine()
        if machine.memory_bandwidth_bytes_per_s:
            return machine
        measured = measure_bandwidth(machine.cpu_cores)
        remember_bandwidth(self.settings.cache_dir, machine.cpu_name, machine.cpu_cores, measured)
        return replace(machine, memory_bandwidth_bytes_per_s=measured)

    def calibration(self, machine: Machine) -> Calibration:
        """What earlier launches measured, for plans on that machine.

        Where nothing was ever measured it costs one look at a folder.

        Raises:
            EngineError: the file is damaged.
            EnvironmentUnfitError: it cannot be read.
        """
        from deploy.calibration.corrections import UNCALIBRATED, Calibration
        from deploy.calibration.file import read_observations

        observations = read_observations(self.settings.state_dir)
        if not observations:
            return UNCALIBRATED
        from deploy.hardware.gpu_facts import common_names

        return Calibration(observations, self._installed(machine, observations), common_names(machine.gpus))

    def _installed(self, machine: Machine, observations: tuple[Observation, ...]) -> dict[EngineName, str]:
        """The versions of the engines that were observed; what is installed elsewhere is not known."""
        if machine.described:
            return {}
        from deploy.engines import engines

        seen = {one.engine for one in observations}
        found = {
            one.name: one.availability().version for one in engines(self.engine_homes) if one.name in seen
        }
        return {name: version for name, version in found.items() if version}

    def endpoint(self) -> Endpoint | None:
        """The endpoint that the settings name, else the one that ``stillroom up`` started, else None.

        Raises:
            ModelError: the one that the settings name cannot be asked what it can do.
            SettingsError: they do not name its model.
        """
        if self.settings.endpoint_url:
            return self.named_endpoint()
        from deploy.supervision.supervise import current_endpoint

        return current_endpoint(self.settings.state_dir)

    def named_endpoint(self, *, anew: bool = False) -> Endpoint:
        """The endpoint that the settings name, with what its server can do: asked at first use, and kept.

        Args:
            anew: ask although that is kept.

        Raises:
            ModelError: nobody answers there, the key is wrong, or the model is not there.
            SettingsError: the model's name is not set.
        """
        from deploy.endpoint import Capabilities, Endpoint
        from deploy.probing.probe import probed
        from deploy.probing.second_look import served_models
        from stillroom.addresses import shown_address
        from stillroom.errors import SettingsError

        settings = self.settings
        if not settings.endpoint_model:
            served = ", ".join(served_models(settings.endpoint_url, self._endpoint_key()))
            raise SettingsError(
                f"endpoint_url is {shown_address(settings.endpoint_url)},"
                " but endpoint_model, its model's name, is empty"
                + (f"; that server has {served}" if served else ""),
                hint="STILLROOM_ENDPOINT_MODEL=NAME, or endpoint_model in stillroom.toml",
            )
        named = Endpoint(
            base_url=settings.endpoint_url,
            model=settings.endpoint_model,
            engine=settings.endpoint_engine,
            context_tokens=settings.context_tokens,
            capabilities=Capabilities(languages=tuple(settings.endpoint_languages.split(","))),
            api_key=self._endpoint_key(),
        )
        return probed(named, cache_dir=settings.cache_dir, anew=anew)

    def _endpoint_key(self) -> str | None:
        key = self.settings.endpoint_api_key
        return key.get_secret_value() if key else None

    def _deployment(self) -> Deployment | None:
        from deploy.supervision.supervise import status

        return status(self.settings.state_dir)

    def _measured(self, deployment: Deployment) -> Measurement | None:
        from deploy.supervision.supervise import measure

        return measure(deployment, visible_gpus=self.settings.visible_gpus)
