import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { AclTree, parseAcl } from '../config/acl-config.ts';
import { privileges, type RoleId, roles } from '../model/privileges.ts';
import { explainPrivileges } from './acl-explain.ts';
import { isAclPath } from './acl-paths.ts';
import { anyPrivilegeBelow, privilegeMask, privilegeNames, resolvePrivileges, rolesOf } from './acl-resolve.ts';

interface Rule {
  path: string;
  who: string;
  role: RoleId;
  propagate: boolean;
}

/** What access-control.md 4 and 5 say, sentence by sentence, on a flat list of rules in the order they were set. */
function reference(rules: Rule[], authId: string, path: string): { own: Set<string>; propagated: Set<string> } {
  if (authId === 'root@pam') return { own: new Set(privileges), propagated: new Set(privileges) };
  const components = path === '/' ? [] : path.slice(1).split('/');
  let current: [RoleId, boolean][] = [];
  for (let depth = 0; depth <= components.length; depth++) {
    const node = `/${components.slice(0, depth).join('/')}`;
    let set: [RoleId, boolean][] = [];
    for (const rule of rules.filter((one) => one.path === node && one.who === authId)) {
      set = rule.role === 'NoAccess' ? [] : set.filter(([role]) => role !== 'NoAccess' && role !== rule.role);
      set.push([rule.role, rule.propagate]);
    }
    const counted = set.filter(([, propagate]) => propagate || node === path);
    if (counted.length > 0) current = counted;
  }
  const own = new Set<string>(current.flatMap(([role]) => [...roles[role].privileges]));
  const propagated = new Set<string>(current.filter(([, p]) => p).flatMap(([role]) => [...roles[role].privileges]));
  const bang = authId.indexOf('!');
  if (bang < 0) return { own, propagated };
  const user = reference(rules, authId.slice(0, bang), path);
  const both = (a: Set<string>, b: Set<string>): Set<string> => new Set([...a].filter((name) => b.has(name)));
  return { own: both(own, user.own), propagated: both(propagated, user.propagated) };
}

const paths = ['/', '/datastore', '/datastore/a', '/datastore/a/n1', '/datastore/a/n1/n2', '/datastore/b', '/system'];
const ids = ['root@pam', 'root@pam!t', 'u@pbs', 'u@pbs!t', 'v@pbs'];
const rule = fc.record({
  path: fc.constantFrom(...paths),
  who: fc.constantFrom(...ids, '@group'),
  role: fc.constantFrom(...(Object.keys(roles) as RoleId[])),
  propagate: fc.boolean(),
});
const treeOf = (rules: Rule[]): AclTree => {
  const tree = new AclTree();
  for (const { path, who, role, propagate } of rules) tree.insert(path, who, role, propagate);
  return tree;
};

test('resolution is what the specification says', () => {
  fc.assert(
    fc.property(
      fc.array(rule, { maxLength: 12 }),
      fc.constantFrom(...ids),
      fc.constantFrom(...paths, '/datastore/a/n1/n2/n3', '/tape/pool/x'),
      (rules, authId, path) => {
        const { own, propagated } = resolvePrivileges(treeOf(rules), authId, path);
        const expected = reference(rules, authId, path);
        assert.deepEqual(new Set(privilegeNames(own)), expected.own);
        assert.deepEqual(new Set(privilegeNames(propagated)), expected.propagated);
      },
    ),
    { numRuns: 2000 },
  );
});

test('any privilege below is that of the path or of some node below', () => {
  const wanted = ['Datastore.Backup', 'Sys.Audit'] as const;
  fc.assert(
    fc.property(
      fc.array(rule, { maxLength: 8 }),
      fc.constantFrom(...ids),
      fc.constantFrom(...paths),
      (rules, authId, path) => {
        const isNode = (one: string): boolean => rules.some((r) => r.path === one || r.path.startsWith(`${one}/`));
        const isBelow = (one: string): boolean => one.startsWith(path === '/' ? '/' : `${path}/`);
        const below = paths.filter((one) => one === path || (isBelow(one) && isNode(one)));
        const expected = below.some((one) => wanted.some((name) => reference(rules, authId, one).own.has(name)));
        assert.equal(anyPrivilegeBelow(treeOf(rules), authId, path, privilegeMask(wanted)), expected);
      },
    ),
    { numRuns: 1000 },
  );
});

test('explanations say what resolution says, for reasons that hold', () => {
  fc.assert(
    fc.property(
      fc.array(rule, { maxLength: 12 }),
      fc.constantFrom(...ids),
      fc.constantFrom(...paths, '/datastore/a/n1/n2/n3'),
      (rules, authId, path) => {
        const tree = treeOf(rules);
        const masks = resolvePrivileges(tree, authId, path);
        const { privileges: explained } = explainPrivileges(tree, authId, path);
        const named = (which: (one: (typeof explained)[number]) => boolean): string[] =>
          explained.filter(which).map(({ privilege }) => privilege);
        assert.deepEqual(
          named(({ granted }) => granted),
          privilegeNames(masks.own),
        );
        assert.deepEqual(
          named(({ propagated }) => propagated),
          privilegeNames(masks.propagated),
        );
        for (const { privilege, reason, missingFor, rules: about, granted } of explained) {
          const has = about.map(({ role }) => (roles[role].privileges as readonly string[]).includes(privilege));
          assert.equal(granted, missingFor === undefined);
          if (reason === 'rule') assert.ok(has.every(Boolean) && about.every(({ effect }) => effect === 'applies'));
          if (reason === 'replaced') assert.ok(has.some(Boolean) && !has.every(Boolean));
          if (reason === 'only-there') assert.ok(about.every(({ effect }, i) => effect === 'only-there' && has[i]));
          if (reason === 'not-in-role' || reason === 'no-access') assert.ok(about.length > 0 && !has.some(Boolean));
          if (missingFor !== undefined) assert.ok(about.every((one) => one.authId === missingFor));
        }
      },
    ),
    { numRuns: 1000 },
  );
});

test('the reason for a missing privilege names the rule that is in the way', () => {
  const tree = parseAcl(
    'acl:1:/:u@pbs,u@pbs!t:Admin\nacl:1:/datastore/a:u@pbs:DatastoreReader\nacl:0:/system:v@pbs:Audit\n',
    'acl.cfg',
  );
  const reasonOf = (authId: string, path: string, privilege: string) => {
    const found = explainPrivileges(tree, authId, path).privileges.find((one) => one.privilege === privilege)!;
    const { reason, missingFor, rules } = found;
    return [reason, missingFor, ...rules.map((one) => `${one.role} on ${one.path}: ${one.effect}`)];
  };
  assert.deepEqual(reasonOf('u@pbs', '/datastore/a/n', 'Datastore.Prune'), [
    'replaced',
    'u@pbs',
    'Admin on /: replaced',
    'DatastoreReader on /datastore/a: applies',
  ]);
  // The token has it, but its user has not.
  assert.deepEqual(reasonOf('u@pbs!t', '/datastore/a', 'Datastore.Prune').slice(0, 2), ['replaced', 'u@pbs']);
  assert.deepEqual(reasonOf('u@pbs!t', '/system', 'Sys.Audit'), [
    'rule',
    undefined,
    'Admin on /: applies',
    'Admin on /: applies',
  ]);
  assert.deepEqual(reasonOf('v@pbs', '/system/log', 'Sys.Audit'), [
    'only-there',
    'v@pbs',
    'Audit on /system: only-there',
  ]);
  assert.deepEqual(reasonOf('v@pbs', '/datastore', 'Datastore.Read'), ['no-rule', 'v@pbs']);
  assert.deepEqual(reasonOf('root@pam', '/x', 'Sys.Modify'), ['superuser', undefined]);
});

test('NoAccess on a path hides what is above, for the path and, if it propagates, below', () => {
  const tree = parseAcl(
    'acl:1:/:u@pbs:Admin\nacl:1:/datastore/a:u@pbs:NoAccess\nacl:0:/datastore/b:u@pbs:NoAccess\n',
    'acl.cfg',
  );
  const has = (path: string): boolean => resolvePrivileges(tree, 'u@pbs', path).own !== 0;
  assert.deepEqual(['/', '/datastore', '/datastore/a', '/datastore/a/n', '/datastore/b', '/datastore/b/n'].map(has), [
    true,
    true,
    false,
    false,
    false,
    true,
  ]);
  assert.deepEqual([...rolesOf(tree, 'u@pbs', '/datastore/a')], [['NoAccess', true]]);
});

test('names are in the order of the bits', () => {
  assert.deepEqual(privilegeNames(2 ** privileges.length - 1), privileges);
  assert.deepEqual(privilegeNames(privilegeMask(['Realm.Allocate', 'Sys.Audit'])), ['Sys.Audit', 'Realm.Allocate']);
});

test('the roles of the original, as far as it knows them', () => {
  const recorded: { data: { roleid: RoleId; privs: string[] }[] } = JSON.parse(
    readFileSync(new URL('../../test/golden/pbs-3.2.4/api/access-roles.json', import.meta.url), 'utf8'),
  );
  const newer = ['Remote.DatastoreBackup', 'Remote.DatastoreModify', 'Remote.DatastorePrune'];
  for (const { roleid, privs } of recorded.data) {
    const names = privilegeNames(privilegeMask(roles[roleid].privileges));
    assert.deepEqual(
      names.filter((name) => !newer.includes(name)),
      privs,
      roleid,
    );
  }
});

test('paths that rules can be set on', () => {
  const good = [
    '/',
    '/access',
    '/access/acl',
    '/access/openid',
    '/access/openid/x',
    '/datastore',
    '/datastore/S',
    '/datastore/S/1/2/3/4/5/6/7/8',
    '/remote/R/S/1/2/3/4/5/6/7/8',
    '/system/services/x',
    '/system/network',
    '/system/network/dns',
    '/system/network/interfaces',
    '/system/network/interfaces/eth0',
    '/system/encryption-keys/x',
    '/tape/pool/x',
    '/tape',
  ];
  const bad = [
    '',
    'x',
    '/x',
    '/access/x',
    '/access/acl/x',
    '/access/openid/x/y',
    '/datastore/S/1/2/3/4/5/6/7/8/9',
    '/remote/R/S/1/2/3/4/5/6/7/8/9',
    '/system/x',
    '/system/services/x/y',
    '/system/network/x',
    '/system/network/dns/x',
    '/system/network/interfaces/a/b',
    '/tape/pool/x/y',
    '/tape/x',
    '/datastore/',
    '/datastore//S',
    '/datastore/..',
    '/datastore/a b',
    '/constructor',
    '/access/constructor',
    `/datastore/${'x'.repeat(120)}`,
  ];
  for (const path of good) assert.equal(isAclPath(path), true, path);
  for (const path of bad) assert.equal(isAclPath(path), false, path);
});
