package remote

import (
	"errors"
	"fmt"

	"github.com/treewright/treewright/ostree/archive"
	"github.com/treewright/treewright/ostree/gvariant"
	"github.com/treewright/treewright/ostree/sign"
)

// Verify checks the signatures of data, a file of signatures such as
// summary.sig, against the remote's keyring.
func (r *Remote) Verify(data, signatures []byte) (*sign.Verified, error) {
	if r.opts.Keyring == nil || r.opts.Clock == nil {
		return nil, fmt.Errorf("verifying what %s signs: no keyring or no clock is given", r.URL())
	}
	dict, err := gvariant.ParseDict(signatures)
	if err != nil {
		return nil, fmt.Errorf("reading the signatures: %w", err)
	}
	verified, err := r.opts.Keyring.Verify(data, dict, r.opts.Clock())
	return verified, advise(err)
}

// verifySummary checks the signatures of the summary that are wanted.
func (r *Remote) verifySummary(data, signatures []byte) error {
	if r.opts.GPGVerifySummary {
		if _, err := r.Verify(data, signatures); err != nil {
			return err
		}
	}
	if !r.opts.SignVerifySummary {
		return nil
	}
	dict, err := gvariant.ParseDict(signatures)
	if err != nil {
		return fmt.Errorf("reading the signatures: %w", err)
	}
	return advise(r.verifyEngines(data, dict))
}

// verifyEngines checks the signatures of the engines other than OpenPGP that
// have keys.
func (r *Remote) verifyEngines(data []byte, dict gvariant.Dict) error {
	if len(r.opts.Ed25519Keys) > 0 {
		if _, err := r.opts.Ed25519Keys.Verify(data, dict); err != nil {
			return fmt.Errorf("ed25519: %w", err)
		}
	}
	if len(r.opts.SPKIKeys) > 0 {
		if _, err := r.opts.SPKIKeys.Verify(data, dict); err != nil {
			return fmt.Errorf("spki: %w", err)
		}
	}
	return nil
}

// advise says what to do about a signature of something else.
func advise(err error) error {
	if errors.Is(err, sign.ErrBad) {
		return fmt.Errorf("%w; if the upstream is publishing just now, it helps to try again", err)
	}
	return err
}

// verifySignature checks the remote's signatures of a commit, or those that
// the repository keeps when the remote has dropped its own.
func (r *Remote) verifySignature(dst *archive.Repo, v *verifiedCommit) error {
	err := r.verifyCommit(v.data, v.meta)
	if err == nil || !v.whole {
		return err
	}
	local, errLocal := dst.CommitMeta(v.checksum)
	if errLocal != nil {
		return errors.Join(err, errLocal)
	}
	if r.verifyCommit(v.data, local) != nil {
		return err
	}
	return nil
}

// verifyCommit checks those signatures that are wanted.
func (r *Remote) verifyCommit(data []byte, meta gvariant.Dict) error {
	if r.opts.GPGVerify {
		if _, err := r.opts.Keyring.Verify(data, meta, r.opts.Clock()); err != nil {
			return err
		}
	}
	if r.opts.SignVerify {
		return r.verifyEngines(data, meta)
	}
	return nil
}
