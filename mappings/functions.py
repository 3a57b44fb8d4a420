"""
Functions of your own, for mapping files that need one.

A function takes what stands left of ``|`` as its first argument.  Its annotations are checked
when the bridge starts, and its examples are run by ``bridge check``.  An example:

    from bridge.mapping.functions import Example, function

    @function(Example("AB-1001", returns="1001"))
    def without_prefix(number: str) -> str:
        '''Take what stands behind the first dash.'''
        return number.partition("-")[2]

and in a file ``id = "body.name | without_prefix"``.  To refuse a value, raise
`bridge.kinds.Refused` with what was found and what was wanted, never with the value itself.
"""
