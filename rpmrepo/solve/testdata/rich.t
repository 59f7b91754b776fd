# Rich dependencies in every kind of dependency.
repo r 0 testtags <inline>
#>=Ver: 2
#>=Pkg: and 1 1 noarch
#>=Req: (x & y)
#>=Pkg: or 1 1 noarch
#>=Req: (y | x)
#>=Pkg: if 1 1 noarch
#>=Req: (z <IF> x)
#>=Pkg: ifelse 1 1 noarch
#>=Rec: (z <IF> (x <ELSE> y))
#>=Pkg: unless 1 1 noarch
#>=Con: (z <UNLESS> x)
#>=Pkg: with 1 1 noarch
#>=Req: (cap > 1 + cap < 3)
#>=Pkg: without 1 1 noarch
#>=Req: (cap - odd)
#>=Pkg: sup 1 1 noarch
#>=Sup: (x & z)
#>=Pkg: x 1 1 noarch
#>=Prv: cap = 1
#>=Prv: odd
#>=Pkg: y 1 1 noarch
#>=Prv: cap = 2
#>=Pkg: z 1 1 noarch
#>=Prv: cap = 3
#>=Prv: odd
system x86_64 rpm
poolflags implicitobsoleteusescolors whatprovideswithdisabled
job install name and
result transaction,problems <inline>
#>install and-1-1.noarch@r
#>install x-1-1.noarch@r
#>install y-1-1.noarch@r
nextjob
job install name or
result transaction,problems <inline>
#>install or-1-1.noarch@r
#>install y-1-1.noarch@r
nextjob
job install name if
result transaction,problems <inline>
#>install if-1-1.noarch@r
nextjob
job install name if
job install name x
result transaction,problems <inline>
#>install if-1-1.noarch@r
#>install sup-1-1.noarch@r
#>install x-1-1.noarch@r
#>install z-1-1.noarch@r
nextjob
job install name ifelse
result transaction,problems <inline>
#>install ifelse-1-1.noarch@r
#>install y-1-1.noarch@r
nextjob
job install name ifelse
job install name x
result transaction,problems <inline>
#>install ifelse-1-1.noarch@r
#>install sup-1-1.noarch@r
#>install x-1-1.noarch@r
#>install z-1-1.noarch@r
nextjob
job install name unless
job install name z
result transaction,problems <inline>
#>install sup-1-1.noarch@r
#>install unless-1-1.noarch@r
#>install x-1-1.noarch@r
#>install z-1-1.noarch@r
nextjob
job install name unless
job install name z
job install name x
result transaction,problems <inline>
#>install sup-1-1.noarch@r
#>install unless-1-1.noarch@r
#>install x-1-1.noarch@r
#>install z-1-1.noarch@r
nextjob
job install name with
result transaction,problems <inline>
#>install with-1-1.noarch@r
#>install y-1-1.noarch@r
nextjob
job install name without
result transaction,problems <inline>
#>install without-1-1.noarch@r
#>install y-1-1.noarch@r
nextjob
job install name x
job install name z
result transaction,problems <inline>
#>install sup-1-1.noarch@r
#>install x-1-1.noarch@r
#>install z-1-1.noarch@r
