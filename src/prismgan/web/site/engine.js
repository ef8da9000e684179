// The engine of a static site; static/engine.js defines the interface.
export * from "./local.js";
