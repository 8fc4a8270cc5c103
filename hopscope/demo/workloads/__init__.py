"""Programs of the mesh's containers: the standard library only, each counts its own connections and bytes.

They are copied into the demo's folder and run there by the system's Python, so they import each other by bare name.
"""
