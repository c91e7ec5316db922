// Node's HTTP module without its namespace object: `import 'node:http'` evaluates every export, and three of them load
// a second HTTP client, which would be a quarter of the time that a short command takes.

export const http: typeof import('node:http') = process.getBuiltinModule('node:http');
