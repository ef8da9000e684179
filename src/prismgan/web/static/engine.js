// What makes the looks for this page. An engine is a module; this file says which one, and `prismgan export --format site`
// writes another one here. All of the page but the engine's own files imports it from here, and knows no more of it than this:
//
//   can                      { styles, video }: whether there is /api/styles, /api/clips and what belongs to them
//   noClips                  what is said to somebody who gives a clip where none are taken
//   words                    { formats, privacy, unreachable }: what is read, where pictures go, and what to do where nothing answers
//   about()                  { title, tasks: [{ name, title, kind, scale, fine, varies }], samples: [{ name, title, address }],
//                            brush: { smallest, default }, upload_bytes, pixels, minutes }: brushes are the longest sides that are painted at
//   open(file, signal)       a picture { id, width, height, tasks }: tasks are the names of the looks that are not too large of it
//   base(picture, scale, signal, part)  a Blob: the picture as large as looks of this scale are
//   render(picture, { tasks, seed, brush, ...part }, { changed, made, signal })  until all are made, with the default brush where none
//                            is named; made(name, result) is told of each as soon as it is there, changed({ state: "queued" | "loading" | "running" | "fetching", ahead, progress }) how
//                            far it is. A result is { file, lossless, exact, width, height }: a Blob to look at, whether it is the look
//                            to the bit, and a function that gives the Blob of the exact PNG.
//   live(bitmap, names, signal)  ImageBitmaps of these looks, of scale 1, of one frame; the frame is used up
//   forget(picture)          also while the page is left
//
// A part is { side }: the picture reduced to that longer side; { crop: [left, top, width, height] }: a cut of it; or {}: all of it.
// Where a signal is aborted the reason is thrown; every other failure is an Error whose message a person can read.
export * from "./server.js";
