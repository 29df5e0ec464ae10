/** What someone may do with a resource. */
export type Capability = 'list' | 'read' | 'write' | 'delete' | 'rotate' | 'admin';

/** Every capability, in the order in which they are shown. */
export const CAPABILITIES: readonly Capability[] = [
  'list',
  'read',
  'write',
  'delete',
  'rotate',
  'admin',
];

/** Whether a text names a capability. */
export function isCapability(text: string): text is Capability {
  return (CAPABILITIES as readonly string[]).includes(text);
}
