"""Open any model that a person can name, local or remote, without downloading its weights.

The token is the hub's and goes nowhere else: not to a storage host that it redirects to, nor another server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from deploy.checkpoints.location import HUB_URL, HubLocation, LocalLocation, WebLocation, locate
from deploy.checkpoints.model_folder import LocalFolder
from deploy.checkpoints.opened_model import OpenedModel, open_in_folder
from deploy.checkpoints.patience import DEFAULT_PATIENCE

if TYPE_CHECKING:
    from deploy.checkpoints.patience import Patience


def open_model(
    reference: str,
    *,
    quantization: str | None = None,
    hub_url: str = HUB_URL,
    token: str | None = None,
    patience: Patience = DEFAULT_PATIENCE,
) -> OpenedModel:
    """Read the headers and configuration of a model.

    Args:
        reference: a path, a URL, ``OWNER/REPO`` or ``hf.co/OWNER/REPO:Q4_K_M``.
        quantization: which of several to take; what stands in the reference goes before it.
        hub_url: Hugging Face, or a mirror in its place: addresses at huggingface.co are read from there.
        token: for gated repositories; sent to the hub's own host only.
        patience: for slow or failing servers.

    Example:
        >>> model = open_model("unsloth/Qwen3-8B-GGUF", quantization="Q4_K_M")  # doctest: +SKIP

    Raises:
        WeightsError: it cannot be found, reached or read; the message names the path or URL.
    """
    location = locate(reference, hub_url=hub_url)
    wanted = quantization or ""
    match location:
        case LocalLocation(path=path) if path.is_dir():
            return open_in_folder(LocalFolder(path), quantization=wanted)
        case LocalLocation(path=path):
            return open_in_folder(LocalFolder(path.parent), file=path.name)
        case HubLocation() | WebLocation():
            return _open_remote(location, wanted, hub_url=hub_url, token=token, patience=patience)
        case _:
            assert_never(location)


def _open_remote(
    location: HubLocation | WebLocation, wanted: str, *, hub_url: str, token: str | None, patience: Patience
) -> OpenedModel:
    # httpx takes as long to import as a local header to read, ten times over.
    from deploy.checkpoints.http_reader import HttpReader
    from deploy.checkpoints.web_folders import HubFolder, WebFolder

    match location:
        case HubLocation():
            with HttpReader(hub_url, token=token, patience=patience) as http:
                return open_in_folder(
                    HubFolder(http, hub_url, location.repository, location.revision),
                    file=location.file,
                    inside=location.folder,
                    quantization=location.quantization or wanted,
                )
        case WebLocation(url=url):
            with HttpReader(url, patience=patience) as http:
                folder = WebFolder(http, url)
                return open_in_folder(folder, file=folder.file_name)
        case _:
            assert_never(location)
