// The stress test for as long as one likes. Usage: scripts/node.sh test/stress/run.ts [--minutes 10] [--seed TEXT]
// Ends with 1 when something was wrong; the seed tells what the processes did, not in which order.

import { parseArgs } from 'node:util';
import { stress } from './stress.ts';

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '10' }, seed: { type: 'string', default: String(Date.now()) } },
});
const onProgress = (counts: Record<string, number>): void => console.log(JSON.stringify(counts));
const seconds = Number(values.minutes) * 60;
console.log(`seed ${values.seed}, ${values.minutes} minutes`);
const report = await stress({ seed: values.seed, seconds, deeds: 200, pause: 250, onProgress });
for (const [what, count] of Object.entries(report.counts).sort()) console.log(`${String(count).padStart(8)} ${what}`);
console.log(`${report.removedChunks} chunks removed, ${report.snapshots} snapshots whole at the end`);
for (const text of report.wrong) console.error(`WRONG: ${text}`);
console.log(report.wrong.length === 0 ? 'nothing lost' : `${report.wrong.length} things wrong`);
process.exitCode = report.wrong.length === 0 ? 0 : 1;
