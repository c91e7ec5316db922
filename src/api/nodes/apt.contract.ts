// Packages of the machine and where they come from (rest-api.md 7.6 "apt").

import { defineEndpoint } from '../../model/endpoint.ts';
import { schema } from '../../model/schema.ts';
import { Type } from '../../model/type.ts';

const { node } = schema;
const audit = { kind: 'privilege', path: '/', all: ['Sys.Audit'] } as const;
const modify = { kind: 'privilege', path: '/', all: ['Sys.Modify'] } as const;
const text = Type.String();

const packageItem = Type.Object({
  Package: text,
  Title: text,
  Arch: text,
  Description: text,
  Version: text,
  OldVersion: Type.Optional(Type.String({ description: 'What is installed now.' })),
  Origin: text,
  Priority: text,
  Section: text,
  ExtraInfo: Type.Optional(Type.String({ description: 'What of it runs.' })),
});

export const listAptUpdates = defineEndpoint({
  method: 'GET',
  path: 'nodes/{node}/apt/update',
  summary: 'List packages that an upgrade would put in.',
  parameters: Type.Object({ node }),
  result: Type.Array(packageItem),
  access: audit,
});

export const updateAptLists = defineEndpoint({
  method: 'POST',
  path: 'nodes/{node}/apt/update',
  summary: 'Fetch the lists of packages anew.',
  parameters: Type.Object({
    node,
    notify: Type.Optional(Type.Boolean({ default: false, description: 'Tell the administrator of new packages.' })),
    quiet: Type.Optional(Type.Boolean({ default: false, description: 'Only problems in the log.' })),
  }),
  result: schema.upid,
  access: modify,
  protected: true,
});

export const listVersions = defineEndpoint({
  method: 'GET',
  path: 'nodes/{node}/apt/versions',
  summary: 'List versions of the server and of what matters to it.',
  parameters: Type.Object({ node }),
  result: Type.Array(packageItem),
  access: audit,
});

export const readChangelog = defineEndpoint({
  method: 'GET',
  path: 'nodes/{node}/apt/changelog',
  summary: 'Read what changed in a package.',
  parameters: Type.Object({
    node,
    name: Type.String({ pattern: '^[a-z0-9][a-z0-9+.:-]*$', maxLength: 128, description: 'Package.' }),
    version: Type.Optional(
      Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9.+:~-]*$', maxLength: 128, description: 'Version.' }),
    ),
  }),
  result: text,
  access: modify,
  protected: true,
});

const texts = Type.Array(text);
const repository = Type.Object({
  Types: texts,
  URIs: texts,
  Suites: texts,
  Components: texts,
  Options: Type.Optional(Type.Array(Type.Object({ Key: text, Values: texts }))),
  Comment: Type.Optional(text),
  FileType: text,
  Enabled: Type.Boolean(),
});

export const readRepositories = defineEndpoint({
  method: 'GET',
  path: 'nodes/{node}/apt/repositories',
  summary: 'Read where packages come from.',
  parameters: Type.Object({ node }),
  result: Type.Object({
    files: Type.Array(
      Type.Object({
        path: text,
        'file-type': text,
        repositories: Type.Array(repository),
        digest: Type.Array(Type.Integer(), { description: 'SHA-256 of the file, byte by byte.' }),
      }),
    ),
    errors: Type.Array(Type.Object({ path: text, error: text })),
    infos: Type.Array(Type.Object({ path: text, index: Type.Integer(), kind: text, message: text })),
    'standard-repos': Type.Array(Type.Object({ handle: text, name: text })),
    digest: schema.digestHex,
  }),
  access: audit,
});

export const changeRepository = defineEndpoint({
  method: 'POST',
  path: 'nodes/{node}/apt/repositories',
  summary: 'Turn a repository on or off.',
  parameters: Type.Object({
    node,
    path: Type.String({ pattern: '^/', maxLength: 512, description: 'File of the repository.' }),
    index: Type.Integer({ minimum: 0, description: 'Which one in the file, from 0.' }),
    enabled: Type.Optional(Type.Boolean({ description: 'Whether packages come from it.' })),
    digest: Type.Optional(schema.configDigest),
  }),
  result: Type.Null(),
  access: modify,
  protected: true,
});

export const addRepository = defineEndpoint({
  method: 'PUT',
  path: 'nodes/{node}/apt/repositories',
  summary: 'Add a standard repository: there are none.',
  parameters: Type.Object({
    node,
    handle: Type.String({ minLength: 1, maxLength: 64, description: 'Repository.' }),
    digest: Type.Optional(schema.configDigest),
  }),
  result: Type.Null(),
  access: modify,
  protected: true,
});
