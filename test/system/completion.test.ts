// Help and completion of every program come from the declarations, and every program starts in a bare environment.

import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { after, before, test } from 'node:test';
import { everyCommand, programs, runNamed } from '../../src/cli/programs.ts';
import { FakeTerminal } from '../../src/cli/testing/terminal.ts';
import { has, root, run, shell } from '../support/launch.ts';

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'granary-completion-'));
  mkdirSync(join(folder, 'my links'));
  mkdirSync(join(folder, 'old'));
  for (const name of ['node', 'npm', 'npx']) {
    writeFileSync(join(folder, 'old', name), '#!/bin/sh\necho "a wrong $0 was started" >&2\nexit 99\n');
    chmodSync(join(folder, 'old', name), 0o755);
  }
  for (const name of readdirSync(join(root, 'bin'))) {
    const target = relative(join(folder, 'my links'), join(root, 'bin', name));
    symlinkSync(target, join(folder, 'my links', name));
  }
});
after(() => rmSync(folder, { recursive: true, force: true }));

async function inProcess(name: string, words: string[], env: Record<string, string> = {}) {
  const terminal = new FakeTerminal({ env });
  const code = await runNamed(name, words, terminal);
  return { code, out: terminal.printed, err: terminal.messages };
}

/** What the shell offers after `line`. */
async function offered(name: string, line: string): Promise<string[]> {
  const { out } = await inProcess(name, ['bashcomplete'], { COMP_LINE: line, COMP_POINT: String(line.length) });
  return out.split('\n').filter((word) => word !== '');
}

test('every launcher works through a relative link, with a wrong node before it, and in a bare environment', async () => {
  const names = readdirSync(join(root, 'bin'));
  assert.deepEqual(names.sort(), [...Object.keys(programs), 'granary'].sort());
  for (const name of names) {
    const wrongNode = { PATH: `${join(folder, 'old')}:${join(folder, 'my links')}:/usr/bin:/bin`, HOME: folder };
    const linked = await run([name, 'help'], { env: wrongNode, cwd: '/' });
    assert.deepEqual([linked.code, linked.err], [0, ''], name);
    const bare = await run(['env', '-i', 'PATH=/bin:/usr/bin', join('my links', name), 'help'], { cwd: folder });
    assert.deepEqual([bare.code, bare.err, bare.out], [0, '', linked.out], name);
  }
});

test('every command has a help text, which says how it is used', async () => {
  for await (const { program: name, path, command } of everyCommand()) {
    const asked = await inProcess(name, ['help', ...path]);
    assert.deepEqual([asked.code, asked.err], [0, ''], `${name} help ${path.join(' ')}`);
    assert.ok(asked.out.startsWith(`Usage: ${[name, ...path].join(' ')}`), asked.out);
    for (const option of Object.keys(command.options.properties)) assert.ok(asked.out.includes(option), option);
    assert.deepEqual(await inProcess(name, [...path, '--help']), asked);
  }
  for (const name of Object.keys(programs)) assert.equal((await inProcess(name, ['help', '--verbose'])).code, 0);
});

test('a command that is loaded by itself is the one of its program', async () => {
  for (const { load, oftenUsed = {} } of Object.values(programs)) {
    const program = await load();
    for (const [name, command] of Object.entries(oftenUsed)) {
      assert.ok(program.kind === 'group' && program.commands[name] === (await command()), name);
    }
  }
});

test('an unknown command is named, with what was meant and what there is', async () => {
  const { code, err } = await inProcess('proxmox-backup-client', ['bakup']);
  assert.equal(code, 255);
  assert.match(
    err,
    /^Error: no such command 'bakup'\. Did you mean 'backup'\?\n\nUsage:\n\nproxmox-backup-client backup /,
  );
  const none = await inProcess('proxmox-backup-client', ['snapshot']);
  assert.equal(none.code, 255);
  assert.match(none.err, /^Error: no command specified\.\nPossible commands: files, forget, list, notes, /);
});

test('completion offers every command and every option, of granary too', async () => {
  for await (const { program: name, path, command } of everyCommand()) {
    for (const [at, word] of path.entries()) {
      const before = [name, ...path.slice(0, at), ''].join(' ');
      assert.ok((await offered(name, before)).includes(word), `${before}${word}`);
    }
    const options = await offered(name, [name, ...path, '--'].join(' '));
    assert.deepEqual(
      options,
      Object.keys(command.options.properties)
        .map((option) => `--${option}`)
        .sort(),
    );
  }
  const env = { COMP_LINE: 'granary client snap', COMP_POINT: '19', PATH: process.env['PATH'] ?? '' };
  const { out } = await run([join(root, 'bin', 'granary'), 'bashcomplete'], { env });
  assert.equal(out, 'snapshot\nsnapshots\n');
});

test('the scripts for bash, zsh and fish call the program', async () => {
  for (const name of [...Object.keys(programs), 'granary']) {
    for (const kind of ['bash', 'zsh', 'fish']) {
      const { code, out, err } = await run([join(root, 'bin', name), 'completion', kind]);
      assert.deepEqual([code, err], [0, ''], `${name} ${kind}`);
      assert.ok(out.includes(`${name} bashcomplete`), out);
    }
  }
  if (!has('bash')) return;
  // What bash itself does when the user presses the tabulator.
  const script = `
    PATH='${join(root, 'bin')}':$PATH
    source <(proxmox-backup-client completion bash)
    [[ $(complete -p proxmox-backup-client) =~ -C\\ \\'(.*)\\' ]]
    COMP_LINE='proxmox-backup-client snapshot no' COMP_POINT=33 eval "\${BASH_REMATCH[1]}" proxmox-backup-client no snapshot`;
  const { out, err } = await run(['bash', '-c', script]);
  assert.deepEqual([out, err], ['notes\n', '']);
  const syntax = await shell(`'${join(root, 'bin', 'granary')}' completion bash | bash -n`);
  assert.deepEqual([syntax.code, syntax.err], [0, '']);
});
