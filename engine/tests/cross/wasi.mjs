// Runs a WASI program under Node: `node wasi.mjs PROGRAM.wasm ARGUMENT…`.
import { readFile } from "node:fs/promises";
import { WASI } from "node:wasi";

const [program, ...args] = process.argv.slice(2);
const wasi = new WASI({ version: "preview1", args: [program, ...args] });
const module = await WebAssembly.compile(await readFile(program));
const imports = { wasi_snapshot_preview1: wasi.wasiImport };
// `start` returns the exit code, or ends the process with it in older versions of Node.
process.exitCode = wasi.start(await WebAssembly.instantiate(module, imports));
