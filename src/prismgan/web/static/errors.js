// What an engine throws where it matters to the page what went wrong.

// What is asked for is gone: asking again does not help.
export class Forgotten extends Error {}

// Nothing answered: asking again may help.
export class Unreachable extends Error {}
