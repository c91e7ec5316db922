// The cookie that keeps a browser's ticket out of reach of its scripts (rest-api.md 3.3 and 4.5).

const name = '__Host-PBSAuthCookie';
const attributes = 'Secure; SameSite=Lax; HttpOnly; Path=/;';

/** A `Set-Cookie` header that gives a ticket. */
export function ticketCookie(ticket: string): string {
  return `${name}=${encodeURIComponent(ticket)}; ${attributes}`;
}

/** A `Set-Cookie` header that takes the ticket back. */
export const noTicketCookie = `${name}=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; ${attributes}`;
