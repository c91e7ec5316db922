// The name servers that a machine uses: the C library takes no more. Browser-safe.

export const dnsServerKeys = ['dns1', 'dns2', 'dns3'] as const;
