"""Weights on the Hugging Face Hub: one safetensors file and a model card in a repository. Nothing is unpickled."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prismgan.errors import WeightsError
from prismgan.packages import require
from prismgan.weights.file import PREFIX, Weights

FILE = "weights.safetensors"  # name of the weights in a repository


def fetch(repository: str, *, revision: str | None = None, file: str = FILE) -> Path:
    """The path of a repository's ``.safetensors`` file, downloaded unless it is in the cache; :class:`WeightsError` if
    there is none. ``revision`` is a branch, tag or commit, by default the newest commit of the main branch."""
    require("weights of the Hugging Face Hub", "hub", "huggingface_hub")
    from huggingface_hub import HfApi

    if not file.endswith(".safetensors"):
        raise WeightsError(f"{repository}: {file} is not a .safetensors file, the only supported format")
    with _hub_errors(f"{PREFIX}{repository}"):
        return Path(HfApi(library_name="prismgan").hf_hub_download(repository, file, revision=revision))


def push(weights: Weights, repository: str, *, private: bool = False, licence: str = "apache-2.0") -> str:
    """Write weights and their card to a repository, which is created if necessary; returns its address. A card beside
    the weights, a file of the same name that ends in ``.md``, becomes part of the repository's card.
    :class:`WeightsError` if the user is not logged in or has no permission, or if the hub cannot be reached."""
    require("weights on the Hugging Face Hub", "hub", "huggingface_hub")
    from huggingface_hub import HfApi

    notes = weights.path.with_suffix(".md")
    hub = HfApi(library_name="prismgan")
    with _hub_errors(f"{PREFIX}{repository}"), tempfile.TemporaryDirectory() as folder:
        weights.save(Path(folder) / FILE)
        card = model_card(weights, repository, licence, notes.read_text(encoding="utf-8") if notes.is_file() else "")
        (Path(folder) / "README.md").write_text(card, encoding="utf-8")
        address = hub.create_repo(repository, private=private, exist_ok=True)
        hub.upload_folder(repo_id=repository, folder_path=folder, commit_message=f"{weights.header.title}: weights")
    return str(address)


def model_card(weights: Weights, repository: str, licence: str, notes: str = "") -> str:
    """A repository's ``README.md``: metadata in YAML, the tasks of the network, and how to use it."""
    from huggingface_hub import ModelCardData

    header, parameters = weights.header, weights.network().parameter_counts()
    kinds = dict.fromkeys(entry.kind.replace("_", "-") for entry in header.tasks)
    reads_photos = header.recipe.get("source", "photo") == "photo"
    kind = "image-to-image" if reads_photos else "unconditional-image-generation"
    tags = ["gan", "multi-task-learning", "pytorch", *kinds]
    data = ModelCardData(
        license=licence, library_name="prismgan", pipeline_tag=kind, tags=tags, model_name=header.title
    )
    rows = []
    for entry in header.tasks:
        varies = "yes" if entry.latent else "no"
        rows.append(f"| `{entry.name}` | {entry.kind} | {entry.scale}x | {varies} | {parameters[entry.name]:,} |")
    if reads_photos:
        command, code = "render photo.jpg --weights", "from prismgan import Renderer\n\n"
        code += f'renderer = Renderer.from_pretrained("{repository}")\n'
        code += f'renderer("photo.jpg")["{header.tasks[0].name}"].save("result.png")'
    else:
        command, code = "sample --out samples.png", "from prismgan.render.sampler import Sampler\n\n"
        code += f'sampler = Sampler.load("{PREFIX}{repository}")'
    counts = {"total": sum(parameters.values()), "shared": parameters["shared"], "tasks": len(header.tasks)}
    template = Path(__file__).with_name("model-card.txt").read_text(encoding="utf-8")
    use = {"command": f"{command} {PREFIX}{repository}", "code": code, "file": FILE}
    card = template.format(metadata=data.to_yaml(), header=header, rows="\n".join(rows), **counts, **use)
    return card + (f"\n{_demoted(notes)}" if notes else "")


def _demoted(markdown: str) -> str:
    """Headings one level lower, outside of code."""
    lines, code = [], False
    for line in markdown.splitlines():
        code ^= line.startswith("```")
        lines.append(f"#{line}" if line.startswith("#") and not code else line)
    return "\n".join(lines) + "\n"


@contextmanager
def _hub_errors(where: str) -> Iterator[None]:
    """Raise the hub's errors as :class:`WeightsError`, with a message that starts with ``where``."""
    from huggingface_hub import errors

    try:
        yield
    except errors.HFValidationError:
        raise WeightsError(f"{where}: is not a repository name; write it as USER/NAME") from None
    except (errors.GatedRepoError, errors.RepositoryNotFoundError):
        fault = "there is no such repository, or you have no access"
        raise WeightsError(f"{where}: {fault}; log in with `hf auth login` if it is private") from None
    except errors.RevisionNotFoundError:
        raise WeightsError(f"{where}: has no such revision") from None
    except errors.RemoteEntryNotFoundError:
        raise WeightsError(f"{where}: holds no {FILE}; name its .safetensors file") from None
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        cure = "log in with `hf auth login`, with a token that may write" if status in (401, 403) else "try again"
        raise WeightsError(f"{where}: the hub refused the request (HTTP {status}); {cure}") from None
    # The client's HTTPError belongs to a different package in every generation of the library.
    except (errors.LocalEntryNotFoundError, OSError, errors.HTTPError) as error:  # type: ignore[attr-defined]
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise WeightsError(f"{where}: the hub cannot be reached, and the file is not in the cache ({reason})") from None
