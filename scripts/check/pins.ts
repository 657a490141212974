// Holds every dependency to one exact version in the whole repository, and the published package to
// exactly the dependencies of the packages that are bundled into it.
import type { Check, Finding } from './check.js';
import { packageNames, readJson } from './source-files.js';

interface PackageJson {
  readonly version: string;
  readonly dependencies?: Record<string, string>;
  readonly devDependencies?: Record<string, string>;
}

const published = 'pamina';

export const pins: Check = {
  name: 'pins',
  holds: 'dependencies are exact, equal everywhere, and all listed by the published package',
  run(root) {
    const files = ['package.json', ...packageNames(root).map((n) => `packages/${n}/package.json`)];
    const manifests = new Map(files.map((file) => [file, readJson<PackageJson>(root, file)]));
    return [...checkVersions(manifests), ...checkPublished(manifests)];
  },
};

function checkVersions(manifests: ReadonlyMap<string, PackageJson>): Finding[] {
  const findings: Finding[] = [];
  const first = new Map<string, { version: string; file: string }>();
  const own = manifests.get('package.json')?.version;
  for (const [file, json] of manifests) {
    if (json.version !== own) {
      findings.push({ file, message: `version ${json.version}: the repository is at ${own}` });
    }
    for (const [name, version] of Object.entries({
      ...json.devDependencies,
      ...json.dependencies,
    })) {
      if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)) {
        findings.push({ file, message: `${name} is "${version}": pin one exact version` });
      }
      const seen = first.get(name);
      if (seen === undefined) first.set(name, { version, file });
      else if (seen.version !== version) {
        const message = `${name} is ${version} here and ${seen.version} in ${seen.file}: use one`;
        findings.push({ file, message });
      }
    }
  }
  return findings;
}

function checkPublished(manifests: ReadonlyMap<string, PackageJson>): Finding[] {
  const file = `packages/${published}/package.json`;
  const { dependencies = {}, devDependencies = {} } = manifests.get(file) ?? {};
  // A development dependency is one that is bundled as well.
  const listed = new Set(
    [...Object.keys(dependencies), ...Object.keys(devDependencies)].filter(
      (name) => !name.startsWith('@pamina/'),
    ),
  );
  const needed = new Map<string, string>();
  for (const [path, json] of manifests) {
    if (path === file || path === 'package.json') continue;
    for (const name of Object.keys(json.dependencies ?? {})) {
      if (!name.startsWith('@pamina/')) needed.set(name, path);
    }
  }
  const missing = [...needed].filter(([name]) => !listed.has(name));
  const extra = [...listed].filter((name) => !needed.has(name));
  return [
    ...missing.map(([name, path]) => ({ file, message: `add ${name}, which ${path} needs` })),
    ...extra.map((name) => ({ file, message: `remove ${name}: no bundled package depends on it` })),
  ];
}
