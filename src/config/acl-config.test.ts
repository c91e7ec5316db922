import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { GranaryError } from '../base/errors.ts';
import { type RoleId, roles } from '../model/privileges.ts';
import { AclTree, parseAcl, serializeAcl } from './acl-config.ts';

const rewrite = (text: string): string => serializeAcl(parseAcl(text, 'acl.cfg'));

test('writes the bytes of the original', () => {
  const tree = new AclTree();
  tree.insert('/', 'admin@pbs!fx', 'Admin', true);
  tree.insert('/', 'admin@pbs', 'Admin', true);
  const text = 'acl:1:/:admin@pbs,admin@pbs!fx:Admin\n';
  assert.equal(serializeAcl(tree), text);
  assert.equal(rewrite(text), text);
  const digest = createHash('sha256').update(text).digest('hex');
  assert.equal(digest, '4b35310280dfbe8c4d7b274e3afc7384982a2931093530492f370adf2b59d1ba');
});

test('is written in the order of the tree, a line per set of auth-ids', () => {
  const text = [
    '',
    'acl:1:/tape:x@pbs:TapeAudit',
    'acl:1:/datastore/b:x@pbs:DatastoreReader',
    'acl:1:/datastore/b:x@pbs:DatastoreBackup,Audit',
    'acl:1:/datastore/b:y@pbs:Audit',
    'acl:0:/datastore/b:z@pbs,a@pbs:Audit',
    'acl:1:/datastore/a/n:@group,x@pbs:Audit',
    'acl:1:/:root@pam:Admin',
  ].join('\n');
  assert.equal(
    rewrite(text),
    [
      'acl:1:/datastore/a/n:@group,x@pbs:Audit',
      'acl:0:/datastore/b:a@pbs,z@pbs:Audit',
      'acl:1:/datastore/b:x@pbs:DatastoreBackup,DatastoreReader',
      'acl:1:/datastore/b:x@pbs,y@pbs:Audit',
      'acl:1:/tape:x@pbs:TapeAudit',
      '',
    ].join('\n'),
  );
});

test('NoAccess takes the place of other roles and gives way to them', () => {
  assert.equal(rewrite('acl:1:/a:x@pbs:Audit,NoAccess\n'), 'acl:1:/a:x@pbs:NoAccess\n');
  assert.equal(rewrite('acl:1:/a:x@pbs:NoAccess\nacl:0:/a:x@pbs:Audit\n'), 'acl:0:/a:x@pbs:Audit\n');
});

test('removing what is not there does nothing', () => {
  const tree = parseAcl('acl:1:/a/b:x@pbs,x@pbs!t:Audit\n', 'acl.cfg');
  tree.remove('/a', 'x@pbs', 'Audit');
  tree.remove('/a/b', 'y@pbs', 'Audit');
  tree.remove('/a/b', 'x@pbs', 'Admin');
  assert.equal(serializeAcl(tree), 'acl:1:/a/b:x@pbs,x@pbs!t:Audit\n');
  tree.removeTokensOf('x@pbs');
  assert.equal(serializeAcl(tree), 'acl:1:/a/b:x@pbs:Audit\n');
  tree.remove('/a/b', 'x@pbs', 'Audit');
  assert.equal(serializeAcl(tree), '');
});

test('lists the entries at and below a path, or of the path alone', () => {
  const tree = parseAcl('acl:0:/a:x@pbs:Audit\nacl:1:/a/b:@g:Admin\nacl:1:/c:x@pbs:Admin\n', 'acl.cfg');
  const first = { path: '/a', propagate: false, roleid: 'Audit', ugid: 'x@pbs', ugid_type: 'user' };
  const second = { path: '/a/b', propagate: true, roleid: 'Admin', ugid: 'g', ugid_type: 'group' };
  assert.deepEqual(tree.entries('/a'), [first, second]);
  assert.deepEqual(tree.entries('/a', true), [first]);
  assert.deepEqual(tree.entries('/nothing'), []);
  assert.equal(tree.entries().length, 3);
});

test('anything else is an error with its line', () => {
  const bad = [
    '# comment',
    'acl:1:/:x@pbs',
    'acl:2:/:x@pbs:Admin',
    'acl:1:a:x@pbs:Admin',
    'acl:1:/a b:x@pbs:Admin',
    'acl:1:/../x:x@pbs:Admin',
    'acl:1:/:x:Admin',
    'acl:1:/:@:Admin',
    'acl:1:/:x@pbs:Boss',
    'acl:1:/:x@pbs:constructor',
    'acl:1:/:x@pbs:Admin:',
  ];
  for (const line of bad) {
    assert.throws(
      () => parseAcl(`\n${line}\n`, 'f/acl.cfg'),
      (error: unknown) =>
        error instanceof GranaryError &&
        error.code === 'config-invalid' &&
        error.message.startsWith('unable to parse acl config "f/acl.cfg", line 2'),
      line,
    );
  }
});

test('any tree survives writing and reading', () => {
  const entry = fc.record({
    path: fc.constantFrom('/', '/datastore', '/datastore/a', '/datastore/a/n', '/system', '/remote/r'),
    who: fc.constantFrom('a@pbs', 'a@pbs!t', 'b@pam', '@g'),
    role: fc.constantFrom(...(Object.keys(roles) as RoleId[])),
    propagate: fc.boolean(),
  });
  const shown = (tree: AclTree): string[] =>
    tree
      .entries()
      .map((one) => JSON.stringify(one))
      .sort();
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 20 }), (entries) => {
      const tree = new AclTree();
      for (const e of entries) tree.insert(e.path, e.who, e.role, e.propagate);
      const text = serializeAcl(tree);
      assert.deepEqual(shown(parseAcl(text, 'acl.cfg')), shown(tree));
      assert.equal(rewrite(text), text);
    }),
  );
});
