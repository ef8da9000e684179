"""Superpixels: a photo as small regions of one colour, whose outlines follow the photo's edges."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

NEIGHBOURS = 9  # a pixel belongs to the superpixel of its own grid cell or to one of the eight around it
SIDE = 8  # of a grid cell in pixels
ROUNDS = 3  # of assigning pixels and taking means
BANDWIDTH, MERGE_BANDWIDTH = 0.12, 0.15  # standard deviations of colours in a superpixel, and of those that merge
REACH = 0.6  # standard deviation of the distance from the centre of the own cell, in cells


def superpixel_colours(photo: Float[Tensor, "B C H W"], *, merges: int = 3) -> Float[Tensor, "B C H W"]:
    """Every pixel takes the colour of its superpixel.

    Superpixels start as the cells of a grid. In each round pixels are assigned to them, and each takes the mean colour
    of its pixels: soft SLIC of Jampani et al., "Superpixel sampling networks" (ECCV 2018), eq. 3 and 4, after Achanta
    et al., "SLIC" (2012). Then superpixels of similar colours converge (mean shift: Comaniciu & Meer 2002), so that
    regions grow as far as their colour extends. ``merges`` is the number of mean shift rounds; with 0 superpixels stay
    separate. The photo and the result are in [-1, 1], the result in float32.

    There are four deviations. Positions stay on the grid and only colours move; on photos the results look alike.
    Assignments remain soft, so skies show neither cells nor bands and videos flicker less. The result is the mean of
    two grids, half a cell apart, which halves its dependence on shifts of the photo. The colour of a superpixel is a
    soft mean, in place of the "adaptive colouring" of Wang & Yu, "White-box cartoonization" (CVPR 2020), section 3.2.
    """
    with torch.autocast(photo.device.type, enabled=False):
        photo = photo.float()
        height, width = photo.shape[-2:]
        layers = []
        for shift in (0, SIDE // 2):
            padded = F.pad(photo, (shift, -(width + shift) % SIDE, shift, -(height + shift) % SIDE), mode="replicate")
            grid = _Grid(padded)
            colours = F.avg_pool2d(padded, SIDE)
            for _ in range(ROUNDS):
                colours, mass = grid.means(grid.shares(colours), colours)
            shares = grid.shares(colours)
            for _ in range(merges):
                colours = grid.merged(colours, mass)
            layers.append(grid.painted(shares, colours)[..., shift : shift + height, shift : shift + width])
        return torch.stack(layers).mean(0)


class _Grid:
    """Pixels by cell, (B L, C, P) for L cells of P pixels, and the exchange between cells and their neighbours."""

    def __init__(self, photo: Float[Tensor, "B C H W"]) -> None:
        self.batch, self.channels, height, width = photo.shape
        self.size = (height // SIDE, width // SIDE)
        cells = F.unfold(photo, SIDE, stride=SIDE).unflatten(1, (self.channels, SIDE**2))
        self.pixels = cells.permute(0, 3, 1, 2).flatten(0, 1)
        # The log of a Gaussian around the centre of each neighbour's cell; beyond the picture's border there is none.
        offsets = (torch.arange(SIDE, device=photo.device) + 0.5) / SIDE - 0.5
        squares = (offsets - torch.arange(-1, 2, device=photo.device)[:, None]).square()
        distances = (squares[:, None, :, None] + squares[None, :, None, :]).reshape(1, NEIGHBOURS, SIDE**2)
        self.inside = self._around(photo.new_ones(self.batch, 1, *self.size), "constant")
        self.prior = self.inside.log() - distances / (2 * REACH**2)

    def shares(self, colours: Float[Tensor, "B C h w"]) -> Float[Tensor, "BL 9 P"]:
        """The share of each pixel that belongs to each of the nine superpixels around it."""
        near = self._around(colours)
        # |p - c|^2 without |p|^2, which is the same for all nine.
        distances = near.square().sum(-1, keepdim=True) - 2 * near @ self.pixels
        return (self.prior - distances / (2 * BANDWIDTH**2)).softmax(1)

    def means(
        self, shares: Float[Tensor, "BL 9 P"], colours: Float[Tensor, "B C h w"]
    ) -> tuple[Float[Tensor, "B C h w"], Float[Tensor, "B 1 h w"]]:
        """Every superpixel's mean colour, and its number of pixels; an empty one keeps its colour."""
        sums = self._onto(shares @ self.pixels.transpose(1, 2))
        mass = self._onto(shares.sum(2, keepdim=True))
        least = 1e-3
        return (sums + least * colours) / (mass + least), mass + least

    def merged(self, colours: Float[Tensor, "B C h w"], mass: Float[Tensor, "B 1 h w"]) -> Float[Tensor, "B C h w"]:
        """Every superpixel's colour moved to the mean of the similar ones around it."""
        near = self._around(colours)
        distances = (near - near[:, NEIGHBOURS // 2, None]).square().sum(-1, keepdim=True)
        weights = torch.exp(-distances / (2 * MERGE_BANDWIDTH**2)) * self._around(mass) * self.inside
        means = (weights * near).sum(1) / weights.sum(1)
        return means.view(self.batch, *self.size, -1).permute(0, 3, 1, 2)

    def painted(self, shares: Float[Tensor, "BL 9 P"], colours: Float[Tensor, "B C h w"]) -> Float[Tensor, "B C H W"]:
        """The picture in the superpixels' colours."""
        cells = (self._around(colours).transpose(1, 2) @ shares).unflatten(0, (self.batch, -1))
        height, width = self.size[0] * SIDE, self.size[1] * SIDE
        return F.fold(cells.permute(0, 2, 3, 1).flatten(1, 2), (height, width), SIDE, stride=SIDE)

    def _around(self, maps: Float[Tensor, "B C h w"], border: str = "replicate") -> Float[Tensor, "BL 9 C"]:
        patches = F.unfold(F.pad(maps, (1, 1, 1, 1), mode=border), 3).unflatten(1, (maps.shape[1], NEIGHBOURS))
        return patches.permute(0, 3, 2, 1).flatten(0, 1)

    def _onto(self, values: Float[Tensor, "BL 9 C"]) -> Float[Tensor, "B C h w"]:
        """The adjoint of :meth:`_around`: the sum for each superpixel over the nine cells that refer to it."""
        patches = values.unflatten(0, (self.batch, -1)).permute(0, 3, 2, 1)
        return F.fold(patches.flatten(1, 2), self.size, 3, padding=1)
