package main

// commands is the table of all commands: help, manual pages and exit codes are
// made from it. A new command is a line here and a file of its own.
func commands() []command {
	return []command{
		composeTreeCommand(),
		composeInstallCommand(),
		composePostprocessCommand(),
		composeCommitCommand(),
		resolveCommand(),
		whyCommand(),
		treeDiffCommand(),
		repoInitCommand(),
		repoPullCommand(),
		repoMirrorRefsCommand(),
		repoRefsCommand(),
		repoLogCommand(),
		repoShowCommand(),
		repoLsCommand(),
		repoFsckCommand(),
		repoSignCommand(),
		repoVerifyCommand(),
		deltaGenerateCommand(),
		deltaListCommand(),
		deltaShowCommand(),
		deltaApplyCommand(),
		deltaVerifyCommand(),
		repoPruneCommand(),
		repoCheckoutCommand(),
		repoCatCommand(),
		repoDiffCommand(),
		repoExportCommand(),
		repoPullLocalCommand(),
		repoCommitCommand(),
		mirrorCommand(),
		publishCommand(),
		serveCommand(),
		cachePruneCommand(),
		keyGenerateCommand(),
		ostreeCompatCommand(),
		manCommand(),
	}
}
