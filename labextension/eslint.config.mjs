import tseslint from 'typescript-eslint';

export default tseslint.config(
  ...tseslint.configs.recommendedTypeChecked,
  {
    languageOptions: {
      parserOptions: { project: ['./tsconfig.json', './tsconfig.test.json'], tsconfigRootDir: import.meta.dirname }
    },
    rules: {
      // Indices and look-ups that the code has just checked.
      '@typescript-eslint/no-non-null-assertion': 'off',
      // What is written as text here is a scalar of JSON or msgpack.
      '@typescript-eslint/no-base-to-string': 'off',
      // The views' functions are closures, whatever their interface calls them.
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/explicit-function-return-type': [
        'error',
        { allowExpressions: true, allowTypedFunctionExpressions: true }
      ],
      '@typescript-eslint/consistent-type-imports': ['error', { disallowTypeAnnotations: false }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      // Characters that must not reach a page are named one by one.
      'no-control-regex': 'off',
      'no-restricted-properties': [
        'error',
        ...['innerHTML', 'outerHTML', 'insertAdjacentHTML', 'dangerouslySetInnerHTML'].map(property => ({
          property,
          message: 'Text of users is never markup.'
        }))
      ],
      'no-restricted-syntax': [
        'error',
        { selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']", message: 'Text of users is never markup.' }
      ]
    }
  },
  { files: ['test/**'], rules: { '@typescript-eslint/no-floating-promises': 'off' } },
  { ignores: ['lib/**', 'src/generated/**', 'lib-test/**', 'scripts/**', 'node_modules/**', '*.mjs'] }
);
