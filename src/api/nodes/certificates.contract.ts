// The server's certificate: what it says, one of one's own, and back to a self-signed one (rest-api.md 7.6).

import { defineEndpoint } from '../../model/endpoint.ts';
import { schema } from '../../model/schema.ts';
import { Type } from '../../model/type.ts';
import { certificateAccess as access } from '../config/acme/access.contract.ts';

const infoList = Type.Array(
  Type.Object({
    filename: Type.String(),
    subject: Type.String(),
    san: Type.Array(Type.String()),
    issuer: Type.String(),
    notbefore: Type.Optional(Type.Integer({ description: 'Epoch seconds.' })),
    notafter: Type.Optional(Type.Integer({ description: 'Epoch seconds.' })),
    pem: Type.Optional(Type.String()),
    'public-key-type': Type.String(),
    'public-key-bits': Type.Optional(Type.Integer()),
    fingerprint: Type.Optional(Type.String({ description: 'SHA-256.' })),
  }),
);
const restart = Type.Optional(
  Type.Boolean({ default: false, description: 'Of no effect: new connections get a new certificate at once.' }),
);

export const certificateInfo = defineEndpoint({
  method: 'GET',
  path: 'nodes/{node}/certificates/info',
  summary: "Show the server's certificate.",
  parameters: Type.Object({ node: schema.node }),
  result: infoList,
  access,
  protected: true,
});

export const uploadCertificate = defineEndpoint({
  method: 'POST',
  path: 'nodes/{node}/certificates/custom',
  summary: 'Use a certificate of your own.',
  parameters: Type.Object({
    node: schema.node,
    certificates: Type.String({
      maxLength: 262144,
      description: "PEM chain: the server's certificate, then each one's issuer.",
    }),
    key: Type.Optional(
      Type.String({ maxLength: 65536, description: 'PEM private key; the one in use when it is absent.' }),
    ),
    force: Type.Optional(
      Type.Boolean({ default: false, description: 'Use it although it has expired or is not valid yet.' }),
    ),
    restart,
  }),
  result: infoList,
  access,
  protected: true,
});

export const deleteCertificate = defineEndpoint({
  method: 'DELETE',
  path: 'nodes/{node}/certificates/custom',
  summary: 'Go back to a self-signed certificate: a new one.',
  parameters: Type.Object({ node: schema.node, restart }),
  result: Type.Null(),
  access,
  protected: true,
});

const acmePath = 'nodes/{node}/certificates/acme/certificate';
const force = (description: string) => Type.Optional(Type.Boolean({ default: false, description }));

export const orderAcmeCertificate = defineEndpoint({
  method: 'POST',
  path: acmePath,
  summary: 'Order a certificate from the ACME server, in a task.',
  parameters: Type.Object({ node: schema.node, force: force('Of no effect: what is there is replaced.') }),
  result: schema.upid,
  access,
  protected: true,
});

export const renewAcmeCertificate = defineEndpoint({
  method: 'PUT',
  path: acmePath,
  summary: 'Order a certificate anew when little of its time is left, in a task.',
  parameters: Type.Object({ node: schema.node, force: force('However much time is left.') }),
  result: schema.upid,
  access,
  protected: true,
});

export const revokeAcmeCertificate = defineEndpoint({
  method: 'DELETE',
  path: acmePath,
  summary: 'Revoke the certificate and go back to a self-signed one, in a task.',
  parameters: Type.Object({ node: schema.node }),
  result: schema.upid,
  access,
  protected: true,
});
