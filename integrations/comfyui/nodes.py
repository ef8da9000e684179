"""Two nodes: one output of a picture, and all of them in one pass.

ComfyUI's pictures are float tensors (B, H, W, 3) in [0, 1]; prismgan's are (3, H, W) in [0, 1].
"""

from functools import lru_cache

import torch

from prismgan import Renderer
from prismgan.weights import load_weights

READY_MADE = "prism-8"
WEIGHTS = ("STRING", {"default": READY_MADE, "tooltip": "prism-8, a .safetensors file, or hf:USER/NAME"})
SEED = ("INT", {"default": 0, "min": 0, "max": 2**63 - 1, "tooltip": "Changes the tasks that vary"})


@lru_cache(maxsize=2)
def renderer(weights):
    return Renderer.load(weights)


def rendered(image, weights, **options):
    """The pictures of a batch, by task: lists of tensors (H, W, 3)."""
    looks = {}
    for picture in image:
        outputs = renderer(weights)(picture[..., :3].clamp(0, 1).movedim(-1, 0).cpu(), **options)
        for name, output in outputs.items():
            looks.setdefault(name, []).append(output.movedim(0, -1))
    return looks


class PrismganTask:
    """One output: restored, enlarged, stylized or drawn, with a strength."""

    CATEGORY = "image/prismgan"
    FUNCTION = "render"
    RETURN_TYPES = ("IMAGE",)
    DESCRIPTION = "Renders a picture into one output of a prismgan network."

    @classmethod
    def INPUT_TYPES(cls):  # noqa: N802 (ComfyUI's name)
        names = [entry.name for entry in load_weights().header.tasks]
        return {
            "required": {
                "image": ("IMAGE",),
                "task": (names, {"default": names[0]}),
                "strength": ("FLOAT", {"default": 1.0, "min": 0.0, "max": 2.0, "step": 0.05}),
                "seed": SEED,
            },
            "optional": {
                "weights": WEIGHTS,
                "other_task": ("STRING", {"default": "", "tooltip": "A task of other weights, instead of the above"}),
            },
        }

    def render(self, image, task, strength, seed, weights=READY_MADE, other_task=""):
        name = other_task.strip() or task
        looks = rendered(image, weights, tasks=name, seed=seed, strength={name: strength})
        return (torch.stack(looks[name]),)


class PrismganAll:
    """All outputs in one pass, as a list of pictures with their names."""

    CATEGORY = "image/prismgan"
    FUNCTION = "render"
    RETURN_TYPES = ("IMAGE", "STRING")
    RETURN_NAMES = ("images", "names")
    OUTPUT_IS_LIST = (True, True)
    DESCRIPTION = "Renders a picture into all outputs of a prismgan network in one pass."

    @classmethod
    def INPUT_TYPES(cls):  # noqa: N802 (ComfyUI's name)
        return {"required": {"image": ("IMAGE",), "seed": SEED}, "optional": {"weights": WEIGHTS}}

    def render(self, image, seed, weights=READY_MADE):
        looks = rendered(image, weights, seed=seed)
        return [torch.stack(pictures) for pictures in looks.values()], list(looks)


NODE_CLASS_MAPPINGS = {"PrismganTask": PrismganTask, "PrismganAll": PrismganAll}
NODE_DISPLAY_NAME_MAPPINGS = {"PrismganTask": "prismgan: one output", "PrismganAll": "prismgan: all outputs"}
