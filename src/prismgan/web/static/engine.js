// The engine computes the looks for this page. It is a module; this file selects one, and `prismgan export --format site`
// replaces this file. The rest of the page imports the engine from here, and uses only this interface:
//
//   can                      { styles, video }: whether styles and clips are supported
//   noClips                  message for a clip if clips are not supported
//   words                    { formats, privacy, unreachable }: texts about formats, privacy, and an engine that does not answer
//   about()                  { title, tasks: [{ name, title, kind, scale, fine, varies }], samples: [{ name, title, address }],
//                            brush: { smallest, fine, default }, upload_bytes, pixels, minutes }: brushes are the longest sides for painting
//   open(file, signal)       a picture { id, width, height, tasks }: tasks are the names of the looks that are not too large
//   base(picture, scale, signal, part)  a Blob: the picture as large as looks of this scale are
//   render(picture, { tasks, seed, brush, ...part }, { changed, made, signal })  renders all tasks, with the default brush if none
//                            is given; made(name, result) is called for each one as soon as it is ready, changed({ state: "queued" | "loading" | "running" | "fetching", ahead, progress })
//                            reports the progress. A result is { file, lossless, exact, width, height }: a Blob for display, whether
//                            it is exact, and a function that returns the Blob of the exact PNG.
//   live(bitmap, names, signal)  ImageBitmaps of these looks, of scale 1, of one frame; the frame is used up
//   forget(picture)          also works while the page is being closed
// A part is { side }: the picture reduced to that longer side; { crop: [left, top, width, height] }: a crop; or {}: all of it.
// If a signal is aborted, its reason is thrown; every other failure is an Error with a message for the user.
export * from "./server.js";
