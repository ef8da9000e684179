// The user's position in the page, as the part of its address after "#", so that back, forward and reload work.

// { picture, look }: the storage key of a picture, and the name of the open look; both may be missing.
export function here() {
  const found = new URLSearchParams(location.hash.slice(1));
  return { picture: found.get("picture"), look: found.get("look") };
}

function address({ picture, look }) {
  const wanted = new URLSearchParams();
  if (picture) wanted.set("picture", picture);
  if (look) wanted.set("look", look);
  return wanted.size ? `#${wanted}` : location.pathname + location.search;
}

export function go(place) {
  if (address(place) !== address(here())) history.pushState({ inside: true }, "", address(place));
}

export const stay = (place) => history.replaceState(history.state, "", address(place));

// Back to the previous position, or to `place` if the user came from outside.
export function back(place) {
  if (history.state?.inside) history.back();
  else stay(place);
}

export const onMove = (listener) => addEventListener("popstate", listener);
