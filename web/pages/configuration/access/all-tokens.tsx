// The API tokens of all users.

import type { ReactNode } from 'react';
import { usePermissions } from '../../../base/permissions.ts';
import { Tokens } from '../../../parts/account/tokens.tsx';

export default function AllTokens(): ReactNode {
  return <Tokens mayChange={usePermissions().may('/access/users', 'Permissions.Modify')} />;
}
