import { deleteDeclarations } from '../../scripts/source/remove-sample';

/** Within the copy: nothing is left of what the project declares, the sample's or a fork's own. */
void deleteDeclarations().then((code) => process.exit(code));
