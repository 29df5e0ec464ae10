import { expect, test } from 'vitest';

import { childEnvironment } from './child-environment.ts';

test('secrets win over what is there, and what opens the vault is left out', () => {
  const own = { PORT: '1', LANG: 'C', STRONGROOM_MASTER_KEY: 'k', NONE: undefined };
  const environment = childEnvironment(own, [{ name: 'PORT', value: '2', path: 'PORT' }]);
  expect({ ...environment }).toEqual({ PORT: '2', LANG: 'C' });
});

test.each(['__proto__', 'constructor', 'toString'])('%s is a name like any other', (name) => {
  const environment = childEnvironment({}, [{ name, value: 'text', path: name }]);
  expect(Object.entries(environment)).toEqual([[name, 'text']]);
});
