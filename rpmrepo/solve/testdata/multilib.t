# Two word sizes: colors, lock-step and inferior architectures.
repo r 0 testtags <inline>
#>=Ver: 2
#>=Pkg: lib 1 1 x86_64
#>=Prv: lib(64)
#>=Pkg: lib 1 1 i686
#>=Prv: lib(32)
#>=Pkg: lib 2 1 x86_64
#>=Prv: lib(64)
#>=Pkg: old 1 1 i686
#>=Prv: old(32)
#>=Pkg: old 2 1 x86_64
#>=Pkg: app 1 1 x86_64
#>=Req: lib(64)
#>=Pkg: app32 1 1 i686
#>=Req: lib(32)
#>=Pkg: app-old 1 1 x86_64
#>=Req: old(32)
#>=Pkg: doc 1 1 noarch
#>=Pkg: doc 2 1 x86_64
#>=Pkg: doc 2 1 i686
system x86_64 rpm
poolflags implicitobsoleteusescolors whatprovideswithdisabled
job install name app
result transaction,problems <inline>
#>install app-1-1.x86_64@r
#>install lib-2-1.x86_64@r
nextjob
job install name app32
result transaction,problems <inline>
#>install app32-1-1.i686@r
#>install lib-1-1.i686@r
#>install lib-1-1.x86_64@r
nextjob
job install name app
job install name app32
result transaction,problems <inline>
#>install app-1-1.x86_64@r
#>install app32-1-1.i686@r
#>install lib-1-1.i686@r
#>install lib-1-1.x86_64@r
nextjob
job install name app-old
result transaction,problems <inline>
#>install app-old-1-1.x86_64@r
#>install old-1-1.i686@r
nextjob
job install oneof old-1-1.i686@r [setarch]
result transaction,problems <inline>
#>install old-1-1.i686@r
nextjob
job install name doc
result transaction,problems <inline>
#>install doc-2-1.x86_64@r
nextjob
job install name doc
job install oneof doc-2-1.i686@r [setarch]
result transaction,problems <inline>
#>install doc-2-1.i686@r
