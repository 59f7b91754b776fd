# Weak dependencies: what they install, and what they only prefer.
repo r 0 testtags <inline>
#>=Ver: 2
#>=Pkg: app 1 1 noarch
#>=Req: virtual
#>=Rec: docs
#>=Sug: hint
#>=Pkg: a 1 1 noarch
#>=Prv: virtual
#>=Pkg: b 1 1 noarch
#>=Prv: virtual
#>=Enh: helper
#>=Pkg: c 1 1 noarch
#>=Prv: virtual
#>=Sup: chooser
#>=Pkg: docs 1 1 noarch
#>=Pkg: docs 2 1 noarch
#>=Pkg: hint 1 1 noarch
#>=Pkg: helper 1 1 noarch
#>=Pkg: chooser 1 1 noarch
#>=Pkg: rival 1 1 noarch
#>=Con: docs
system x86_64 rpm
poolflags implicitobsoleteusescolors whatprovideswithdisabled
job install name app
result transaction,problems <inline>
#>install a-1-1.noarch@r
#>install app-1-1.noarch@r
#>install docs-2-1.noarch@r
nextjob
job install name helper
job install name app
result transaction,problems <inline>
#>install app-1-1.noarch@r
#>install b-1-1.noarch@r
#>install docs-2-1.noarch@r
#>install helper-1-1.noarch@r
nextjob
job install name chooser
job install name app
result transaction,problems <inline>
#>install app-1-1.noarch@r
#>install c-1-1.noarch@r
#>install chooser-1-1.noarch@r
#>install docs-2-1.noarch@r
nextjob
job install name app
job install name rival
result transaction,problems <inline>
#>install a-1-1.noarch@r
#>install app-1-1.noarch@r
#>install rival-1-1.noarch@r
nextjob
job excludefromweak name docs
job install name app
result transaction,problems <inline>
#>install a-1-1.noarch@r
#>install app-1-1.noarch@r
nextjob
solverflags ignorerecommended
job install name app
result transaction,problems <inline>
#>install a-1-1.noarch@r
#>install app-1-1.noarch@r
